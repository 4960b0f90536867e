"""Queries for jobs, in tables with the columns of `models.JobColumns`."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows
from koyjabo.models import JobColumns

Row = TypeVar("Row", bound=JobColumns)


def newest(session: Session, table: type[Row], count: int, *which: Any) -> list[Row]:
    """Up to `count` rows, newest first."""
    return list(session.scalars(select(table).where(*which).order_by(table.id.desc()).limit(count)))


def add(session: Session, row: Row, now_ms: int) -> Row:
    """Begin a job. The caller's transaction has to keep other workers from beginning one."""
    row.begun_ms = row.seen_ms = now_ms
    row.done = row.goal = 0
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def renew(session: Session, row: JobColumns, now_ms: int, **values: Any) -> bool:
    """Store the worker's progress. Returns False if the job now belongs to another worker."""
    table: Any = type(row)
    mine = (table.id == row.id, table.worker == row.worker, table.ended_ms.is_(None))
    return changed_rows(session, update(table).where(*mine).values(seen_ms=now_ms, **values)) == 1


def is_dead(row: JobColumns, now_ms: int, silent_ms: int) -> bool:
    """Whether an unfinished job has stopped, because its worker has died or is frozen."""
    return row.ended_ms is None and abs(now_ms - row.seen_ms) > silent_ms
