"""Follows the visits of forgotten visitors, which lose the paths of referrers, and term and content of campaigns: facts
at once, sums of these days soon after. Nothing else in the tables of the projection tells of a visitor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, select, text, tuple_
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.core.errors import NotYetForgotten
from koyjabo.counting.queries import id_range
from koyjabo.models import SITE, Address, InsightSum, Scope, Traits, VisitFact, Watermark
from koyjabo.reports.projection import bulk_queries, interned_queries, state_queries
from koyjabo.reports.projection.additions import TOTAL, Additions, encoded
from koyjabo.reports.projection.bulk_queries import SLICE
from koyjabo.reports.projection.people import packed, unpacked
from koyjabo.reports.projection.reading_queries import IN_COMMUNITY, ON_SITE
from koyjabo.reports.projection.state_queries import State
from koyjabo.reports.projection.sum_queries import KEY, SUMS
from koyjabo.reports.projection.trait_parser import ParsedTraits
from koyjabo.reports.query.dimensions import TRAITS
from koyjabo.reports.query.ranges import MARGIN, day_number, day_of

REMADE = ("referrer", "utm_term", "utm_content")
"""The dimensions of which a forgotten visitor's visits lose the value; the referrer keeps its host."""

NOTHING = (None, None)
"""Term and content afterwards."""

PREFIX = "referrers "
"""Rows of `watermarks` with this name and a day: its sums by REMADE have to be made again. Their `upto` counts how
often that has been asked.
"""

ASK = text("""
INSERT INTO watermarks (name, upto, version) VALUES (:name, 1, 0)
ON CONFLICT (name) DO UPDATE SET upto = watermarks.upto + 1
""")
ASKED = select(Watermark.name, Watermark.upto).where(Watermark.name.startswith(PREFIX))
FACTS = text("""
SELECT f.scope, f.new_in, n.number, r.text, t.utm_term, t.utm_content FROM visit_facts f
JOIN visitor_numbers n ON n.first_visit = f.visitor LEFT JOIN addresses r ON r.id = f.referrer_id
LEFT JOIN traits t ON t.id = f.traits_id
WHERE f.visit_id > :after AND f.visit_id <= :upto AND f.day = :day
""")

KEPT = text("""
SELECT 1 FROM visits WHERE id IN :ids AND id > :upto AND id <= :reread
AND day < (SELECT day FROM nightly_work WHERE name = 'folded') LIMIT 1
""").bindparams(bindparam("ids", expanding=True))
SET_FACT = text("UPDATE visit_facts SET referrer_id = :referrer, traits_id = :traits WHERE visit_id = :id")
SUM = "scope = :scope AND dimension = :dimension AND period = :period AND value = :value"
TAKE = text(f"""
UPDATE insight_sums SET visits = visits - 1, new_visitors = new_visitors - :new, visitors = NULL
WHERE {SUM} RETURNING visits
""")
PUT = text("""
INSERT INTO insight_sums (scope, dimension, period, value, visits, new_visitors, count, visitors, people)
VALUES (:scope, :dimension, :period, :value, 1, :new, 0, NULL, NULL)
ON CONFLICT (scope, dimension, period, value) DO UPDATE SET visits = insight_sums.visits + 1,
    new_visitors = insight_sums.new_visitors + excluded.new_visitors, visitors = NULL
""")
REMOVE_EMPTY = text(f"DELETE FROM insight_sums WHERE {SUM} AND visits = 0")


class Day(NamedTuple):
    """New sums by REMADE of a day. `asked` is the row that asked for them."""

    asked: tuple[str, int]
    state: State
    rows: list[Any]


def cut(session: Session, referrers: Mapping[int, str | None]) -> None:
    """Visits are of a forgotten visitor from now on: their new referrers, by id. In the transaction that changes the
    visits.

    Raises NotYetForgotten while one of them is read again whose day keeps its sums: without its row, these cannot
    follow.
    """
    state = state_queries.lock(session)
    if session.scalar(KEPT, {"ids": list(referrers), "upto": state.upto, "reread": state.reread}):
        raise NotYetForgotten
    state_queries.changed(session)
    facts = [fact for fact in _facts(session, referrers) if fact.visit_id <= state.upto]
    changed = [(fact, new) for fact in facts if (new := fact.after(referrers[fact.visit_id])) != fact.values]
    rows, addresses = interned_queries.addresses(session, (new[0] for _, new in changed if new[0] is not None))
    interned_queries.add_addresses(session, rows)
    for fact, new in changed:
        traits_id = _without_person(session, fact.traits_id) if fact.values[1:] != NOTHING else fact.traits_id
        session.execute(SET_FACT, {"id": fact.visit_id, "referrer": addresses[new[0]], "traits": traits_id})
        _move(session, fact, new)
    for day in {day_of(fact.day) for fact, _ in changed}:
        session.execute(ASK, {"name": f"{PREFIX}{day}"})


class Fact(NamedTuple):
    """A visit that has been read, with its values of REMADE."""

    visit_id: int
    day: int
    scope: str
    new_in: int
    traits_id: int
    values: tuple[str | None, ...]

    def after(self, referrer: str | None) -> tuple[str | None, ...]:
        return (referrer, *NOTHING)


def _facts(session: Session, visits: Collection[int]) -> list[Fact]:
    wanted = select(VisitFact, Address.text, Traits.utm_term, Traits.utm_content)
    wanted = wanted.outerjoin(Address, Address.id == VisitFact.referrer_id)
    wanted = wanted.outerjoin(Traits, Traits.id == VisitFact.traits_id).where(VisitFact.visit_id.in_(visits))
    return [
        Fact(fact.visit_id, fact.day, fact.scope, fact.new_in, fact.traits_id, tuple(values))
        for fact, *values in session.execute(wanted)
    ]


def _without_person(session: Session, traits_id: int) -> int:
    """The id of the same traits without term and content."""
    columns = [getattr(Traits, name) for name in TRAITS]
    row = session.execute(select(*columns).where(Traits.id == traits_id)).one()
    traits = ParsedTraits(*row)._replace(utm_term=None, utm_content=None)
    rows, ids = interned_queries.traits(session, [traits])
    interned_queries.add_traits(session, rows)
    return ids[traits]


def _move(session: Session, fact: Fact, new: tuple[str | None, ...]) -> None:
    """In sums of days whose people are left out, which are not made again. The visitors of a value are then unknown."""
    day = day_of(fact.day)
    for scope, bit in _scopes(fact.scope):
        is_total = (InsightSum.scope == scope, InsightSum.period == day, InsightSum.dimension == TOTAL)
        if session.scalar(select(InsightSum.visits).where(*is_total, InsightSum.people.is_(None))) is None:
            continue
        for dimension, before, after in zip(REMADE, fact.values, new, strict=True):
            key = {"scope": scope, "dimension": dimension, "period": day, "new": int(bool(fact.new_in & bit))}
            if before != after and session.scalar(TAKE, {**key, "value": encoded(before)}) is not None:
                session.execute(PUT, {**key, "value": encoded(after)})
                session.execute(REMOVE_EMPTY, {**key, "value": encoded(before)})


def _scopes(scope: str) -> list[tuple[Scope, int]]:
    """Those for which a visit counts, with the bit of `visit_facts.new_in`."""
    return [(SITE, ON_SITE)] if scope == SITE else [(SITE, ON_SITE), (Scope(scope), IN_COMMUNITY)]


def asked_days(session: Session) -> set[str]:
    """Days whose sums by REMADE are still the old ones."""
    return {name.removeprefix(PREFIX) for name, _ in session.execute(ASKED)}


def prepare(session: Session, clock: Clock) -> Day | None:
    """The sums of the next day of which such values have changed; None without any."""
    asked = session.execute(
        select(Watermark.name, Watermark.upto)
        .where(Watermark.name.startswith(PREFIX))
        .order_by(Watermark.name)
        .limit(1)
    ).first()
    state = state_queries.read(session)
    if asked is None or not state.is_complete:
        return None
    day = asked.name.removeprefix(PREFIX)
    return Day((asked.name, asked.upto), state, list(_rows(session, day, _counted(session, day, clock))))


def write(session: Session, new: Day) -> bool:
    """Returns False, and writes nothing, if the state is another one than that for which the rows were prepared."""
    state = state_queries.lock(session)
    if state != new.state:
        return False
    name, upto = new.asked
    day = name.removeprefix(PREFIX)
    keys = {(row[0], row[1], row[3]) for row in new.rows}
    scopes = {row[0] for row in new.rows}
    these = (InsightSum.scope.in_(scopes), InsightSum.dimension.in_(REMADE), InsightSum.period == day)
    key = (InsightSum.scope, InsightSum.dimension, InsightSum.value)
    old = session.execute(select(*key).where(*these)).all()
    gone = [tuple(row) for row in old if tuple(row) not in keys]
    for at in range(0, len(gone), SLICE):
        some = tuple_(*key).in_(gone[at : at + SLICE])
        session.execute(delete(InsightSum).where(*these, some))
    bulk_queries.insert(session, "insight_sums", (*KEY, *SUMS), new.rows, KEY)
    session.execute(delete(Watermark).where(Watermark.name == name, Watermark.upto == upto))
    state_queries.changed(session)
    return True


def _counted(session: Session, day: str, clock: Clock) -> Additions:
    that = date.fromisoformat(day)
    after, upto = id_range(session, *clock.range_ms(Days(that - MARGIN, that + MARGIN)))
    additions = Additions()
    rows = session.execute(FACTS, {"after": after, "upto": upto, "day": day_number(day)})
    for scope, new_in, number, *values in rows:
        for counted, bit in _scopes(scope):
            for dimension, value in zip(REMADE, values, strict=True):
                additions[counted, dimension, day, encoded(value)].add(1, bool(new_in & bit), (number,))
    return additions


def _rows(session: Session, day: str, counted: Additions) -> Iterable[Any]:
    """Of scopes whose day is not folded."""
    is_total = (
        InsightSum.dimension == TOTAL,
        InsightSum.period == day,
        InsightSum.scope.in_({key[0] for key in counted}),
    )
    wanted = select(InsightSum.scope, InsightSum.visits, InsightSum.people).where(*is_total)
    wholes = {scope: (visits, people) for scope, visits, people in session.execute(wanted)}
    for key, sums in counted.items():
        visits, people = wholes.get(key[0], (0, None))
        if people is not None:
            everyone = unpacked(bytes(people)) if 2 * sums.visits > visits else None
            yield *key, sums.visits, sums.new_visitors, 0, len(sums.people), packed(sums.people, everyone)
