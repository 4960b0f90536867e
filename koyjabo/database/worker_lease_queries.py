"""The lease of work that one worker of all servers does at a time: a row of `nightly_work`."""

from __future__ import annotations

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from koyjabo.models import NightlyWork

LEASE_MS = 60_000
"""A worker that has not renewed its lease for so long is dead or frozen, and another one takes over."""

MAKE_LEASE = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES (:name, '', '', 0) ON CONFLICT DO NOTHING
""")


def is_free(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Whether no other worker has the lease."""
    lease = session.execute(select(NightlyWork).where(NightlyWork.name == name)).scalar_one_or_none()
    return lease is None or _is_free(lease, worker, now_ms)


def renew(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Take or renew the lease. Returns False if another worker has it."""
    session.execute(MAKE_LEASE, {"name": name})
    row = session.execute(select(NightlyWork).where(NightlyWork.name == name).with_for_update()).scalar_one()
    if not _is_free(row, worker, now_ms):
        return False
    row.worker, row.seen_ms = worker, now_ms
    return True


def release(session: Session, name: str, worker: str) -> None:
    session.execute(update(NightlyWork).where(NightlyWork.name == name, NightlyWork.worker == worker).values(worker=""))


def _is_free(lease: NightlyWork, worker: str, now_ms: int) -> bool:
    return lease.worker in ("", worker) or abs(now_ms - lease.seen_ms) > LEASE_MS
