"""The rows of `file_imports`, as operations of the database executor: one for each file that was uploaded."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows, lock_limit
from koyjabo.models import FileImport

CHECKING, CHECKED, IMPORTING = "checking", "checked", "importing"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
IMPORT, CANCEL = "import", "cancel"

SILENT_MS = 30_000
"""A worker that has not renewed its row for so long is gone, and its file with it."""

KEPT = 20
"""Rows that are kept."""


class ImportRow(NamedTuple):
    """See `models.FileImport`."""

    id: int
    begun_by: str
    worker: str
    begun_ms: int
    seen_ms: int
    ended_ms: int | None
    state: str
    asked: str
    done: int
    goal: int
    file: str
    preview: str | None
    result: str | None
    error: str | None

    def is_open(self, now_ms: int) -> bool:
        """Whether its worker still has the file."""
        return self.ended_ms is None and abs(now_ms - self.seen_ms) <= SILENT_MS


UNLESS_CANCELLED = case((FileImport.asked == CANCEL, CANCEL), else_="")
"""What is asked once the import begins: who cancels it meanwhile is not overheard."""

COLUMNS = [getattr(FileImport, name) for name in ImportRow._fields]


def newest(session: Session) -> ImportRow | None:
    row = session.execute(select(*COLUMNS).order_by(FileImport.id.desc()).limit(1)).first()
    return ImportRow._make(row) if row else None


def begin(session: Session, begun_by: str, worker: str, now_ms: int, file: str) -> int | None:
    """A new row; its id, or None while another file is open."""
    lock_limit(session, FileImport)
    last = newest(session)
    if last is not None and last.is_open(now_ms):
        return None
    fixed = {"begun_by": begun_by, "worker": worker, "begun_ms": now_ms, "seen_ms": now_ms, "file": file}
    made = session.execute(
        insert(FileImport).values(**fixed, state=CHECKING, asked="", done=0, goal=0).returning(FileImport.id)
    )
    number: int = made.scalar_one()
    session.execute(delete(FileImport).where(FileImport.id <= number - KEPT))
    return number


def renew(session: Session, id: int, worker: str, now_ms: int, **values: Any) -> str | None:
    """Store what the worker knows. Returns what an admin wants of it; None if the row is not this worker's any more."""
    mine = (FileImport.id == id, FileImport.worker == worker, FileImport.ended_ms.is_(None))
    if changed_rows(session, update(FileImport).where(*mine).values(seen_ms=now_ms, **values)) != 1:
        return None
    asked: str | None = session.scalar(select(FileImport.asked).where(FileImport.id == id))
    return asked


def touch(session: Session, id: int) -> None:
    """Write the row as it is."""
    session.execute(update(FileImport).where(FileImport.id == id).values(asked=FileImport.asked))


def ask(session: Session, id: int, what: str, states: tuple[str, ...]) -> bool:
    """Want something of the worker, in one of these states. Returns False in another one, and if it is cancelled."""
    waits = (FileImport.state.in_(states), FileImport.ended_ms.is_(None), FileImport.asked != CANCEL)
    return changed_rows(session, update(FileImport).where(FileImport.id == id, *waits).values(asked=what)) == 1
