"""Who does the work of a night: whoever claims its row first, on whichever machine."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from koyjabo.clock import shifted
from koyjabo.database.row_count import changed_rows
from koyjabo.models import NightlyWork

SILENT_MS = 120_000
"""A worker that has not been heard of for so long is dead, or frozen; somebody else may take over."""

# As if it had been done once, long ago: then there is always a row to lock.
MAKE_ROW = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, '', '', 0, 0) ON CONFLICT DO NOTHING
""")


class Claim(NamedTuple):
    name: str
    day: str
    worker: str


def is_free(session: Session, claim: Claim, now_ms: int) -> bool:
    """Whether the work is to be claimed: nobody has begun it for that day, or whoever did is dead."""
    row = session.execute(select(NightlyWork).where(NightlyWork.name == claim.name)).scalar_one_or_none()
    return row is None or _is_free(row, claim.day, now_ms)


def take(session: Session, claim: Claim, now_ms: int) -> bool:
    """Claim it. True for one of all who try."""
    session.execute(MAKE_ROW, {"name": claim.name})
    row = session.execute(select(NightlyWork).where(NightlyWork.name == claim.name).with_for_update()).scalar_one()
    if not _is_free(row, claim.day, now_ms):
        return False
    row.day, row.worker, row.seen_ms, row.ended_ms = claim.day, claim.worker, now_ms, None
    return True


def renew(session: Session, claim: Claim, now_ms: int) -> bool:
    """The worker lives. False when it was given up, and another one has the claim."""
    return _change(session, claim, seen_ms=now_ms)


def end(session: Session, claim: Claim, now_ms: int) -> bool:
    return _change(session, claim, seen_ms=now_ms, ended_ms=now_ms)


def _is_free(row: NightlyWork, day: str, now_ms: int) -> bool:
    """Days and moments that are to come are those of a clock that was wrong, unless it was by little."""
    if row.ended_ms is not None:
        return row.day < day or row.day > shifted(day, 1)
    return abs(now_ms - row.seen_ms) > SILENT_MS


def _change(session: Session, claim: Claim, **values: Any) -> bool:
    mine = (NightlyWork.name == claim.name, NightlyWork.worker == claim.worker)
    return changed_rows(session, update(NightlyWork).where(*mine).values(**values)) == 1
