"""The rows of `backups`: one for each backup that the server has begun by itself, or for an admin."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from koyjabo.models import Backup, NightlyWork

WORK = "backups"
"""The row of `nightly_work` that one who begins a backup locks. Its `seen_ms` is when backups were turned on."""

RUNNING, PROVEN, FAILED = "running", "proven", "failed"

MOST_ROWS = 200


class BackupRow(NamedTuple):
    """See `models.Backup`."""

    id: int
    name: str
    begun_by: str
    worker: str
    begun_ms: int
    seen_ms: int
    ended_ms: int | None
    state: str
    step: str
    done: int
    goal: int
    bytes: int | None
    made_ms: int | None
    epoch: int | None
    total: int | None
    restored_total: int | None
    proven_ms: int | None
    error: str | None


COLUMNS = [getattr(Backup, name) for name in BackupRow._fields]


def newest(session: Session) -> list[BackupRow]:
    """The newest first, at most MOST_ROWS."""
    rows = session.execute(select(*COLUMNS).order_by(Backup.id.desc()).limit(MOST_ROWS))
    return [BackupRow._make(row) for row in rows]


def on_since_ms(session: Session) -> int | None:
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == WORK))


class BackupFigures(NamedTuple):
    proven_ms: int | None  # when the newest was proven; None before the first one
    bytes: int | None  # of its file
    failures: int  # ever


def figures(session: Session) -> BackupFigures:
    """For metrics."""
    proven = select(Backup.proven_ms, Backup.bytes).where(Backup.proven_ms.is_not(None))
    newest_proven = session.execute(proven.order_by(Backup.id.desc()).limit(1)).first()
    failures = select(func.max(Backup.failures_before + case((Backup.state == FAILED, 1), else_=0)))
    proven_ms, size = newest_proven or (None, None)
    return BackupFigures(proven_ms, size, session.scalar(failures) or 0)
