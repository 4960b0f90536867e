"""Queries that give long work to a single worker across all servers.

Work that is done once a day or all the time has a row in `nightly_work`, which its worker renews. If renewals stop, the
worker is considered dead or frozen, and another worker may take over.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import shifted
from koyjabo.base.database.rows import changed_rows
from .models import NightlyWork

SILENT_WORKER_MS = 120_000
"""After this time without a renewal, another worker may take a day's work or end a job, ms."""

LEASE_MS = 60_000
"""After this time without a renewal, another worker may take a lease, ms."""

SEPARATED_ROWS = "pairs"

# Makes sure that there is always a row to lock.
INSERT_WORK_ROW = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES (:name, '', '', 0) ON CONFLICT DO NOTHING
""")


class Claim(NamedTuple):
    """A day's work and its worker. `worker` is a random name for this run."""

    name: str
    day: str
    worker: str


def is_free(session: Session, claim: Claim, now_ms: int) -> bool:
    """Whether the work can be claimed: it has not begun on that day, or its worker is dead."""
    row = session.get(NightlyWork, claim.name)
    return row is None or _is_free(row, claim.day, now_ms)


def take(session: Session, claim: Claim, now_ms: int) -> bool:
    """Claim the work. Of several concurrent callers, exactly one gets True."""
    row = _locked(session, claim.name)
    if not _is_free(row, claim.day, now_ms):
        return False
    row.day, row.worker, row.seen_ms, row.ended_ms = claim.day, claim.worker, now_ms, None
    return True


def end(session: Session, claim: Claim, now_ms: int) -> bool:
    """Store that the work is done. Returns False if another worker has taken it."""
    return _change(session, claim.name, claim.worker, seen_ms=now_ms, ended_ms=now_ms)


def is_lease_free(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Whether no other worker has the lease."""
    row = session.get(NightlyWork, name)
    return row is None or _is_lease_free(row, worker, now_ms)


def take_lease(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Take or renew the lease. Returns False if another worker has it."""
    row = _locked(session, name)
    if not _is_lease_free(row, worker, now_ms):
        return False
    row.worker, row.seen_ms = worker, now_ms
    return True


def keep(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Renew a claim or a lease if this worker has it. Returns False if it was released, or another worker has it."""
    return _change(session, name, worker, seen_ms=now_ms)


def release_lease(session: Session, name: str, worker: str) -> None:
    _change(session, name, worker, worker="")


def _locked(session: Session, name: str) -> NightlyWork:
    session.execute(INSERT_WORK_ROW, {"name": name})
    return session.execute(select(NightlyWork).where(NightlyWork.name == name).with_for_update()).scalar_one()


def last_ended_ms(session: Session, name: str) -> int | None:
    """When a work last ended, ms; None if it never did."""
    return session.scalar(select(NightlyWork.ended_ms).where(NightlyWork.name == name)) or None


def separated_rows(session: Session | Connection) -> int:
    """How many rows were separated (`base.database.pairs_postgres`) before what is derived from them was recounted."""
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == SEPARATED_ROWS)) or 0


def forget_separated_rows(session: Session | Connection) -> None:
    session.execute(delete(NightlyWork).where(NightlyWork.name == SEPARATED_ROWS))


def _is_free(row: NightlyWork, day: str, now_ms: int) -> bool:
    """Whether a row can be claimed. A day or time in the future comes from a wrong clock and is ignored, unless the
    difference is small.
    """
    if row.ended_ms is not None:
        return row.day < day or row.day > shifted(day, 1)
    return abs(now_ms - row.seen_ms) > SILENT_WORKER_MS


def _is_lease_free(row: NightlyWork, worker: str, now_ms: int) -> bool:
    return row.worker in ("", worker) or abs(now_ms - row.seen_ms) > LEASE_MS


def _change(session: Session, name: str, holder: str, **values: Any) -> bool:
    mine = (NightlyWork.name == name, NightlyWork.worker == holder)
    return changed_rows(session, update(NightlyWork).where(*mine).values(**values)) == 1
