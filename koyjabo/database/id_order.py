"""Finds ids by time, in tables whose ids are assigned in the order of commits and so nearly in the order of time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

DISORDER_MS = 60_000
"""How much earlier or later than its neighbours by id a row may be: requests wait for their commit, and the clocks of
servers differ.
"""


def last_before(session: Session, table: Any, moment_ms: int, after: int, upto: int) -> int:
    """The last id over `after`, up to `upto`, whose row was before a moment; `after` without any. By bisection."""
    next_row = select(table.id, table.at_ms).where(table.id.between(bindparam("middle"), bindparam("upto")))
    next_row = next_row.order_by(table.id).limit(1)
    while after < upto:
        middle = (after + upto + 1) // 2
        found = session.execute(next_row, {"middle": middle, "upto": upto}).first()  # some ids are gone
        if found is not None and found.at_ms < moment_ms:
            after = found.id
        else:
            upto = middle - 1
    return after


def ids_between(
    session: Session, table: Any, began_ms: int | None, ended_ms: int | None, after: int, upto: int
) -> tuple[int, int]:
    """A range of ids, over the first and up to the second, that has all rows of a time within `after` and `upto`, and
    few others.
    """
    low = after if began_ms is None else last_before(session, table, began_ms - DISORDER_MS, after, upto)
    high = upto if ended_ms is None else last_before(session, table, ended_ms + DISORDER_MS, after, upto)
    return low, high
