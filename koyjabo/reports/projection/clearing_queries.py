"""Empties the tables of the projection in small steps, when the rules by which visits are read have changed.

Sums of days that may be folded stay, because visits of these days may be gone: visits that had been read are not added
to them again (`state_queries`, `batch_queries`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.models import Address, InsightSum, Traits, VisitFact
from koyjabo.reports.projection import folding_queries, state_queries
from koyjabo.reports.projection.additions import Key
from koyjabo.reports.projection.state_queries import RULES
from koyjabo.reports.projection.sum_queries import Folded

SIZE = 1_000
"""Rows in a step."""


class Position(NamedTuple):
    """Where the next step begins: the rows of `insight_sums` up to this key are done, unless `changes` has moved. Then
    another process may have finished, and others may be filling the tables, or emptying them again.
    """

    changes: int
    key: Key


BEGINNING = Position(-1, ("", "", "", ""))

KEY = (InsightSum.scope, InsightSum.dimension, InsightSum.period, InsightSum.value)
NEXT = select(*KEY).where(tuple_(*KEY) > tuple_(*(bindparam(f"k{at}") for at in range(4))))


def clear(session: Session, position: Position, clock: Clock) -> Position | None:
    """Remove some rows. Returns the position for the next call, or None if there was nothing left: then the projection
    begins anew. Or another process has finished this.
    """
    state = state_queries.lock(session)
    if state.is_current:
        return None
    state_queries.begin_anew(session, state)
    for key in (VisitFact.visit_id, Traits.id, Address.id):
        if _remove_lowest(session, key):
            return position
    begun = position if position.changes == state.changes else BEGINNING
    keys = _next_keys(session, begun.key)
    if keys:
        folded = Folded.before(folding_queries.folded_before(session), clock)
        _remove_sums(session, [key for key in keys if not folded.has(key)])
        return Position(state.changes, keys[-1])
    state = state_queries.read(session)
    state_queries.store(session, state._replace(version=RULES, changes=state.changes + 1))
    return None


def _remove_lowest(session: Session, key: Any) -> bool:
    lowest = session.scalar(select(func.min(key)))
    if lowest is None:
        return False
    session.execute(delete(key.class_).where(key < lowest + SIZE).execution_options(synchronize_session=False))
    return True


def _next_keys(session: Session, after: Key) -> list[Key]:
    parameters = {f"k{at}": value for at, value in enumerate(after)}
    rows = session.execute(NEXT.order_by(*KEY).limit(SIZE), parameters)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _remove_sums(session: Session, keys: list[Key]) -> None:
    if keys:
        session.execute(delete(InsightSum).where(tuple_(*KEY).in_(keys)).execution_options(synchronize_session=False))
