"""Queries for `file_imports`, which has one row per uploaded file, as operations of the database executor."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.base.jobs import job_queries
from koyjabo.base.models import FileImport

CHECKING, CHECKED, IMPORTING = "checking", "checked", "importing"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
IMPORT, CANCEL = "import", "cancel"

SILENT_MS = 30_000
"""If a row is not renewed for this long, ms, its worker and file are considered gone."""

KEPT = 20
"""Number of rows to keep."""

UNLESS_CANCELLED = case((FileImport.asked == CANCEL, CANCEL), else_="")
"""Value of `asked` when the import begins. Keeps a cancellation that arrived at the same time."""


def newest(session: Session) -> FileImport | None:
    return next(iter(job_queries.newest(session, FileImport, 1)), None)


def begin(session: Session, new: FileImport, now_ms: int) -> FileImport | None:
    """Begin a check. Returns None while another file is in progress."""
    lock_limit(session, FileImport)
    last = newest(session)
    if last is not None and last.ended_ms is None and not job_queries.is_dead(last, now_ms, SILENT_MS):
        return None
    new.state, new.asked = CHECKING, ""
    row = job_queries.add(session, new, now_ms)
    session.execute(delete(FileImport).where(FileImport.id <= row.id - KEPT))
    return row


def renew(session: Session, row: FileImport, now_ms: int, **values: Any) -> str | None:
    """Store the worker's progress. Returns the admin's request, if any; None if the row belongs to another worker."""
    if not job_queries.renew(session, row, now_ms, **values):
        return None
    asked: str | None = session.scalar(select(FileImport.asked).where(FileImport.id == row.id))
    return asked


def touch(session: Session, id: int) -> None:
    """Write the row without changing it, to test whether the database accepts writes."""
    session.execute(update(FileImport).where(FileImport.id == id).values(asked=FileImport.asked))


def ask(session: Session, id: int, what: str, states: tuple[str, ...]) -> bool:
    """Store a request for the worker. Returns False if the import is in none of these states or was cancelled."""
    waits = (FileImport.state.in_(states), FileImport.ended_ms.is_(None), FileImport.asked != CANCEL)
    return changed_rows(session, update(FileImport).where(FileImport.id == id, *waits).values(asked=what)) == 1
