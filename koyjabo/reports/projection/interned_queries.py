"""Addresses and combinations of traits, which are stored once: their ids, and the rows of new ones.

Ids are given in order, so the caller has the lock of `state_queries` when it adds the rows, or adds them only if the
state has not changed since they were prepared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, func, select, union
from sqlalchemy.orm import Session

from koyjabo.models import Address, Traits, VisitFact
from koyjabo.reports.projection import bulk_queries, state_queries
from koyjabo.reports.projection.trait_parser import ParsedTraits, digest
from koyjabo.reports.query.dimensions import TRAITS

Row = Sequence[Any]


def traits(session: Session, wanted: Iterable[ParsedTraits]) -> tuple[list[Row], dict[ParsedTraits, int]]:
    """The rows to add, and the ids of all."""
    digests = {each: digest(each) for each in dict.fromkeys(wanted)}
    known = _known(session, "traits", "digest", digests.values())
    new = [each for each, its in digests.items() if its not in known]
    rows: list[Row] = [(at, digests[each], *each) for at, each in enumerate(new, _next(session, Traits.id))]
    ids = {row[1]: row[0] for row in rows} | known
    return rows, {each: ids[its] for each, its in digests.items()}


def addresses(session: Session, wanted: Iterable[str]) -> tuple[list[Row], dict[str | None, int | None]]:
    """The rows to add, and the ids of all; that of None is None."""
    texts = dict.fromkeys(wanted)
    known = _known(session, "addresses", "text", texts)
    new = (each for each in texts if each not in known)
    rows: list[Row] = list(enumerate(new, _next(session, Address.id)))
    return rows, {None: None, **known, **{text: at for at, text in rows}}


def add_traits(session: Session, rows: Collection[Row]) -> None:
    bulk_queries.insert(session, "traits", ("id", "digest", *TRAITS), rows)


def add_addresses(session: Session, rows: Collection[Row]) -> None:
    bulk_queries.insert(session, "addresses", ("id", "text"), rows)


def _next(session: Session, column: Any) -> int:
    return (session.scalar(select(func.max(column))) or 0) + 1


def _known(session: Session, table: str, column: str, values: Iterable[str]) -> dict[str, int]:
    rows = bulk_queries.matching(session, table, (column, "id"), (column,), [(each,) for each in values])
    return dict(map(tuple, rows))


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
