"""Visits that the projection has not read yet, parsed once, with their events."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from koyjabo.core.errors import StillCounting
from koyjabo.models import SITE, Event
from koyjabo.reports.engine.groups import PERIODS, unnamed, visit_value
from koyjabo.reports.events.event_plan import EVENT, VIEWED_PAGE, property_of
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.projection import reading_queries
from koyjabo.reports.projection.additions import Addition, grouped
from koyjabo.reports.projection.reading_queries import Parsed
from koyjabo.reports.projection.state_queries import State
from koyjabo.reports.projection.trait_parser import TraitParser
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.report_query import Filter, Question

MOST_PARSED = 100_000
"""More visits are not parsed for a report (in about 3 s): the projection is being filled."""

MOST_KEPT = 5_000
"""Visits that stay parsed. With more, adding them to sums takes longer than reading the facts of a short range."""

COUNT = text("SELECT count(*) FROM (SELECT 1 FROM visits WHERE id > :after LIMIT :most) AS x")

Person = Callable[[Parsed], int]
"""The number of a visitor."""


class HappenedEvent(NamedTuple):
    """Columns of `events`."""

    visit_id: int
    scope: str
    at_ms: int
    day: str
    hour_s: int
    name: str
    page: str | None
    props: str | None

    def counts(self, dimension: str) -> bool:
        """Whether it has a value of the dimension, or none where others of its kind have one."""
        if dimension == EVENT:
            return self.name != PAGEVIEW
        return self.name == (PAGEVIEW if dimension == VIEWED_PAGE else property_of(dimension)[0])

    def value(self, dimension: str) -> str | None:
        if dimension == VIEWED_PAGE:
            return self.page
        if dimension == EVENT:
            return self.name
        prop: str | None = json.loads(self.props or "{}").get(property_of(dimension)[1])
        return prop


EVENTS = select(*(getattr(Event, name) for name in HappenedEvent._fields)).where(Event.visit_id > bindparam("after"))


class ParsedVisits:
    """Keeps the visits after the watermark, and reads new ones. For one thread."""

    def __init__(self, parser: TraitParser) -> None:
        self._parser = parser
        self._state = State()
        self._upto = 0
        self._visits: list[Parsed] = []

    def read(self, session: Session, state: State, newest: int) -> list[Parsed]:
        """Those up to the id `newest`. Raises StillCounting.

        The session reads a snapshot.
        """
        after = state.watermark
        if newest - after > MOST_KEPT:
            if is_long(session, after):
                raise StillCounting
            return reading_queries.visits(session, self._parser, after, newest, MOST_PARSED)
        if state != self._state or newest < self._upto:
            self._state, self._upto, self._visits = state, after, []
        if newest > self._upto:
            self._visits += reading_queries.visits(session, self._parser, self._upto, newest, MOST_KEPT)
        self._upto = newest
        return self._visits


def is_long(session: Session, after: int) -> bool:
    newer: int = session.scalars(COUNT, {"after": after, "most": MOST_PARSED + 1}).one()
    return newer > MOST_PARSED


class Unprojected:
    """Those of one snapshot."""

    def __init__(self, session: Session, visits: list[Parsed], after: int) -> None:
        self._session = session
        self._visits = visits
        self._after = after
        self._matching: dict[Question, list[Parsed]] = {}
        self._events: Mapping[int, list[HappenedEvent]] | None = None

    def by(self, question: Question, key: str, person: Person) -> dict[Any, Addition]:
        """By what `named` makes a name of."""
        visits = self.matching(question)
        additions: defaultdict[Any, Addition] = defaultdict(Addition)
        if visits:
            values = [unnamed(visit, key, question.scope) for visit in visits]
            are_new = [visit.is_new(question.scope) for visit in visits]
            have_pages = [visit.page is not None for visit in visits] if key in PERIODS else ()
            for value, sums in grouped(values, [person(visit) for visit in visits], are_new, have_pages):
                additions[value].add(*sums)
        return additions

    def matching(self, question: Question) -> list[Parsed]:
        """The visits that the question asks for."""
        if question not in self._matching:
            self._matching[question] = [visit for visit in self._visits if self._is_asked(visit, question)]
        return self._matching[question]

    def events(self, visit: Parsed) -> list[HappenedEvent]:
        """The events that belong to a visit."""
        if self._events is None:
            self._events = events = defaultdict(list)
            for row in self._session.execute(EVENTS, {"after": self._after}) if self._visits else ():
                events[row.visit_id].append(HappenedEvent._make(row))
        return self._events.get(visit.id, [])

    def event_values(self, visit: Parsed, dimension: str) -> set[str | None]:
        """The values of its events, None of those without one; of VIEWED_PAGE also the page that was opened first."""
        values = {each.value(dimension) for each in self.events(visit) if each.counts(dimension)}
        return values | {visit.page} if dimension == VIEWED_PAGE and visit.page is not None else values

    def _is_asked(self, visit: Parsed, question: Question) -> bool:
        return (
            question.first <= visit.day <= question.last
            and question.scope in (SITE, visit.scope)
            and (question.until_ms is None or visit.at_ms < question.until_ms)
            and all(self._passes(visit, name, each, question) for name, each in question.filters.items())
        )

    def _passes(self, visit: Parsed, dimension: str, filter_: Filter, question: Question) -> bool:
        if not has_many(dimension):
            value = visit_value(visit, dimension, question.scope)
            return filter_.passes(() if value is None else (value,), value is None)
        values = self.event_values(visit, dimension) - {None}
        if dimension == EVENT:  # also by the name of page views
            return filter_.passes({each.name for each in self.events(visit)}, not values)
        return filter_.passes(values, not values)


def first_visit(visit: Parsed) -> int:
    """The number of a visitor as facts have it."""
    return visit.visitor
