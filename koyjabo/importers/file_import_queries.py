"""The rows of `file_imports`, as operations of the database executor: one for each file that was uploaded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows, lock_limit
from koyjabo.jobs import job_queries
from koyjabo.models import FileImport

CHECKING, CHECKED, IMPORTING = "checking", "checked", "importing"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
IMPORT, CANCEL = "import", "cancel"

SILENT_MS = 30_000
"""A worker that has not renewed its row for so long is gone, and its file with it."""

KEPT = 20
"""Rows that are kept."""

UNLESS_CANCELLED = case((FileImport.asked == CANCEL, CANCEL), else_="")
"""What is asked once the import begins: who cancels it meanwhile is not overheard."""


def newest(session: Session) -> FileImport | None:
    return next(iter(job_queries.newest(session, FileImport, 1)), None)


def begin(session: Session, new: FileImport, now_ms: int) -> FileImport | None:
    """Returns None while another file is open."""
    lock_limit(session, FileImport)
    last = newest(session)
    if last is not None and last.ended_ms is None and not job_queries.is_dead(last, now_ms, SILENT_MS):
        return None
    new.state, new.asked = CHECKING, ""
    row = job_queries.add(session, new, now_ms)
    session.execute(delete(FileImport).where(FileImport.id <= row.id - KEPT))
    return row


def renew(session: Session, row: FileImport, now_ms: int, **values: Any) -> str | None:
    """Store what the worker knows. Returns what an admin wants of it; None if the row is not this worker's any more."""
    if not job_queries.renew(session, row, now_ms, **values):
        return None
    asked: str | None = session.scalar(select(FileImport.asked).where(FileImport.id == row.id))
    return asked


def touch(session: Session, id: int) -> None:
    """Write the row as it is."""
    session.execute(update(FileImport).where(FileImport.id == id).values(asked=FileImport.asked))


def ask(session: Session, id: int, what: str, states: tuple[str, ...]) -> bool:
    """Want something of the worker, in one of these states. Returns False in another one, and if it is cancelled."""
    waits = (FileImport.state.in_(states), FileImport.ended_ms.is_(None), FileImport.asked != CANCEL)
    return changed_rows(session, update(FileImport).where(FileImport.id == id, *waits).values(asked=what)) == 1
