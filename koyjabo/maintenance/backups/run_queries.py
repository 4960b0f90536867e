"""The rows of `backups`: one for each backup that the server has begun by itself, or for an admin."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
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
