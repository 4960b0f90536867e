"""Reads a batch of visits and prepares the rows that it adds or replaces; then writes them, in a short transaction.

The rows are prepared without a lock. They are written only if the state is still the one they were prepared for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.reports.projection import (
    bulk_queries,
    folding_queries,
    interned_queries,
    reading_queries,
    state_queries,
    sum_queries,
)
from koyjabo.reports.projection.additions import Additions
from koyjabo.reports.projection.reading_queries import Parsed
from koyjabo.reports.projection.state_queries import State
from koyjabo.reports.projection.sum_queries import Folded
from koyjabo.reports.projection.trait_parser import ParsedTraits, TraitParser
from koyjabo.reports.query.ranges import day_number

Row = Sequence[Any]

FACT = ("visit_id", "visitor", "day", "hour_s", "scope", "new_in", "traits_id", "page_id", "referrer_id")


class Batch(NamedTuple):
    """`before` is the state for which the rows were prepared, `after` the one when they are written."""

    before: State
    after: State
    visits: int
    traits: list[Row]
    addresses: list[Row]
    numbers: list[Row]
    facts: list[Row]
    sums: list[Row]


def prepare(session: Session, parser: TraitParser, clock: Clock, size: int) -> Batch | None:
    """The next `size` visits; None if there are none, or the tables are being emptied."""
    state = state_queries.read(session)
    newest = state_queries.newest_visit(session)
    if not state.is_current or newest <= state.upto:
        return None
    visits = reading_queries.visits(session, parser, state.upto, newest, size)
    upto = visits[-1].id if len(visits) == size else newest
    newest_day = max([visit.day for visit in visits] + [sum_queries.newest_day(session)])
    numbers = _numbers(visits, state.numbers)
    traits, traits_ids = interned_queries.traits(session, (visit.traits for visit in visits))
    texts = (each for visit in visits for each in (visit.page, visit.referrer) if each is not None)
    addresses, address_ids = interned_queries.addresses(session, texts)
    folded = Folded.before(folding_queries.folded_before(session), clock)
    added = additions([visit for visit in visits if visit.id > state.reread or visit.day >= folded.day], numbers)
    touches_closed = any(visit.day < newest_day for visit in visits)
    after = state._replace(upto=upto, numbers=state.numbers + len(numbers), changes=state.changes + touches_closed)
    return Batch(
        before=state,
        after=after,
        visits=len(visits),
        traits=traits,
        addresses=addresses,
        numbers=list(numbers.items()),
        facts=[_fact(visit, traits_ids, address_ids) for visit in visits],
        sums=sum_queries.merged(session, added, folded),
    )


def write(session: Session, batch: Batch) -> bool:
    """Returns False, and writes nothing, if the state is another one than that for which the rows were prepared, or if
    the database went back and has fewer visits now.
    """
    if state_queries.lock(session) != batch.before or state_queries.newest_visit(session) < batch.after.upto:
        return False
    interned_queries.add_traits(session, batch.traits)
    interned_queries.add_addresses(session, batch.addresses)
    bulk_queries.insert(session, "visitor_numbers", ("first_visit", "number"), batch.numbers)
    bulk_queries.insert(session, "visit_facts", FACT, batch.facts)
    sum_queries.write(session, batch.sums)
    state_queries.store(session, batch.after)
    return True


def additions(visits: list[Parsed], numbers: dict[int, int]) -> Additions:
    """`numbers` are those of visitors who have none stored, by their first visit."""
    added = Additions()
    added.add(
        counted
        for visit in visits
        for counted in visit.counted(numbers[visit.visitor] if visit.number is None else visit.number)
    )
    return added


def _numbers(visits: list[Parsed], newest: int) -> dict[int, int]:
    """Numbers for visitors who have none, in the order of their visits."""
    new = dict.fromkeys(visit.visitor for visit in visits if visit.number is None)
    return {visitor: newest + at for at, visitor in enumerate(new, 1)}


def _fact(visit: Parsed, traits: dict[ParsedTraits, int], addresses: dict[str | None, int | None]) -> Row:
    when = (day_number(visit.day), visit.hour_s)
    what = (traits[visit.traits], addresses[visit.page], addresses[visit.referrer])
    return (visit.id, visit.visitor, *when, visit.scope, visit.new_in, *what)
