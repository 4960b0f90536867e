"""Removes addresses and traits that no visit has any more: of folded visits, and of visitors who were forgotten."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Select, delete, select, union
from sqlalchemy.orm import Session

from koyjabo.models import Address, Traits, VisitFact
from koyjabo.reports.projection import state_queries

USED: dict[Any, tuple[Any, ...]] = {
    Address: (VisitFact.page_id, VisitFact.referrer_id),
    Traits: (VisitFact.traits_id,),
}
TABLES = tuple(USED)


class Unused(NamedTuple):
    """The ids that no facts had when the newest visit with facts was `upto`, and the number of changes since."""

    ids: list[int]
    upto: int
    changes: int


def unused(session: Session, table: Any) -> Unused:
    """Reads all facts. Without ids while the tables are being emptied."""
    state = state_queries.read(session)
    if not state.is_current:
        return Unused([], 0, 0)
    ids = session.scalars(select(table.id).except_(*_used(table)).order_by("id"))
    return Unused(list(ids), state.upto, state.changes)


def remove(session: Session, table: Any, unused: Unused, size: int) -> Unused:
    """Remove the first `size` of them that no newer facts have. Returns the remaining ids: none if facts may have
    changed otherwise, and the next night looks again.
    """
    state = state_queries.lock(session)
    if not state.is_current or state.changes != unused.changes:
        return unused._replace(ids=[])
    used = session.scalars(union(*_used(table, VisitFact.visit_id > unused.upto)))
    ids = set(unused.ids[:size]).difference(used)
    session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
    state_queries.changed(session)  # a batch that was prepared before may have these ids
    return unused._replace(ids=unused.ids[size:], changes=state.changes + 1)


def _used(table: Any, *which: Any) -> list[Select[tuple[int]]]:
    return [select(column).where(column.is_not(None), *which) for column in USED[table]]
