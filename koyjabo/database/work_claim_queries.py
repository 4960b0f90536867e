"""Claims and leases for work that only one worker across all servers does at a time: rows in `nightly_work`. Daily work
has claims, and continuous work has leases.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from koyjabo.core.clock import shifted
from koyjabo.database.rows import changed_rows
from koyjabo.models import NightlyWork

SILENT_MS = 120_000
"""After this time without a renewal, a claim's worker is considered dead or frozen, and another worker may take the
claim, ms.
"""

# Inserts a row as if the work had been done long ago, so that there is always a row to lock.
MAKE_ROW = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, '', '', 0, 0) ON CONFLICT DO NOTHING
""")

LEASE_MS = 60_000
"""After this time without a renewal, a lease's worker is considered dead or frozen, and another worker takes
over, ms.
"""

MAKE_LEASE = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES (:name, '', '', 0) ON CONFLICT DO NOTHING
""")


class ClaimLost(Exception):
    """Another worker has taken the claim, because this one did not renew it in time."""


class Claim(NamedTuple):
    name: str
    day: str
    worker: str


def is_free(session: Session, claim: Claim, now_ms: int) -> bool:
    """Whether the work can be claimed: it has not begun on that day, or its worker is dead."""
    row = session.execute(select(NightlyWork).where(NightlyWork.name == claim.name)).scalar_one_or_none()
    return row is None or _is_free(row, claim.day, now_ms)


def is_done(session: Session, name: str, day: str) -> bool:
    """Whether that day's work has been completed."""
    row = session.execute(select(NightlyWork).where(NightlyWork.name == name)).scalar_one_or_none()
    return row is not None and row.ended_ms is not None and not _is_free(row, day, row.seen_ms)


def take(session: Session, claim: Claim, now_ms: int) -> bool:
    """Claim the work. Of several concurrent callers, exactly one gets True."""
    session.execute(MAKE_ROW, {"name": claim.name})
    row = session.execute(select(NightlyWork).where(NightlyWork.name == claim.name).with_for_update()).scalar_one()
    if not _is_free(row, claim.day, now_ms):
        return False
    row.day, row.worker, row.seen_ms, row.ended_ms = claim.day, claim.worker, now_ms, None
    return True


def renew(session: Session, claim: Claim, now_ms: int) -> bool:
    """Renew the claim. Returns False if another worker has taken it."""
    return _change(session, claim, seen_ms=now_ms)


def end(session: Session, claim: Claim, now_ms: int) -> bool:
    return _change(session, claim, seen_ms=now_ms, ended_ms=now_ms)


def _is_free(row: NightlyWork, day: str, now_ms: int) -> bool:
    """Whether a row can be claimed. A day or time in the future comes from a wrong clock and is ignored, unless the
    difference is small.
    """
    if row.ended_ms is not None:
        return row.day < day or row.day > shifted(day, 1)
    return abs(now_ms - row.seen_ms) > SILENT_MS


def _change(session: Session, claim: Claim, **values: Any) -> bool:
    mine = (NightlyWork.name == claim.name, NightlyWork.worker == claim.worker)
    return changed_rows(session, update(NightlyWork).where(*mine).values(**values)) == 1


def is_lease_free(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Whether no other worker has the lease."""
    lease = session.execute(select(NightlyWork).where(NightlyWork.name == name)).scalar_one_or_none()
    return lease is None or _is_lease_free(lease, worker, now_ms)


def renew_lease(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Take or renew the lease. Returns False if another worker has it."""
    session.execute(MAKE_LEASE, {"name": name})
    row = session.execute(select(NightlyWork).where(NightlyWork.name == name).with_for_update()).scalar_one()
    if not _is_lease_free(row, worker, now_ms):
        return False
    row.worker, row.seen_ms = worker, now_ms
    return True


def keep_lease(session: Session, name: str, worker: str, now_ms: int) -> bool:
    """Renew the lease if this worker has it. Returns False if it was released, or another worker has taken it."""
    return _change(session, Claim(name, "", worker), seen_ms=now_ms)


def release_lease(session: Session, name: str, worker: str) -> None:
    session.execute(update(NightlyWork).where(NightlyWork.name == name, NightlyWork.worker == worker).values(worker=""))


def _is_lease_free(lease: NightlyWork, worker: str, now_ms: int) -> bool:
    return lease.worker in ("", worker) or abs(now_ms - lease.seen_ms) > LEASE_MS
