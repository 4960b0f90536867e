"""Page views and events, the second measure of a question: what both of their sources promise, and the source for
questions with filters, the rows of events and of their visits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.counting.queries import id_range
from koyjabo.database.rows import ids_between
from koyjabo.models import SITE, Event, Visit, VisitFact
from koyjabo.reports.engine.condition_queries import EVENTS, Column, conditions, counts, event_value
from koyjabo.reports.engine.groups import VISITOR_KIND
from koyjabo.reports.engine.moment_queries import Moment
from koyjabo.reports.engine.raw_queries import Raw
from koyjabo.reports.engine.unprojected_queries import HappenedEvent
from koyjabo.reports.events.event_plan import EVENT, VIEWED_PAGE
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.periods import DAY, HOUR, period_of
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Filters, Question, Value

HAPPENED = EVENTS.alias("happened")
"""Beside the events by which visits are filtered."""

VALUE = "value"
"""A key beside DAY and HOUR."""

Happening = tuple[str, int, bool]
"""(day, start of the hour, whether it is a page view)"""


class EventCounts:
    """Of one question. Events count on their own day, with the visits to which they belong."""

    def by(self, dimension: str, key: str) -> Counter[Any]:
        """How many events that the dimension counts there were, by DAY, by the start of the hour in s (page views
        alone), or by VALUE, without those of `other`.
        """
        raise NotImplementedError

    def other(self, dimension: str) -> int:
        """How many have a value that is not known any more."""
        return 0

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        """Those of the values whose counts lack nothing."""
        return set(values)

    def unknown_hours(self) -> set[int]:
        """The beginnings of hours, s, of which it is not known how many events there were."""
        return set()

    def totals(self) -> tuple[int | None, int | None]:
        """Page views that are events, and other events; None if they are not known."""
        if self.unknown_hours():
            return None, None
        views, events = (sum(self.by(dimension, DAY).values()) for dimension in (VIEWED_PAGE, EVENT))
        return views, events

    def views(self, granularity: str, clock: Clock) -> tuple[Counter[str], set[str]]:
        """Page views that are events, by the name of the period, and the periods of which they are not known."""
        unknown = self.unknown_hours()
        if granularity == HOUR:
            by_hour = self.by(VIEWED_PAGE, HOUR).items()
            return Counter({clock.local(hour_s): count for hour_s, count in by_hour}), set(map(clock.local, unknown))
        by_period: Counter[str] = Counter()
        for day, count in self.by(VIEWED_PAGE, DAY).items():
            by_period[period_of(day, granularity)] += count
        return by_period, {period_of(clock.local(hour_s)[:10], granularity) for hour_s in unknown}


class EventRows(EventCounts):
    """The visit of an event passes the filters, whenever it was."""

    def __init__(self, moment: Moment, question: Question, raw: Callable[[], Raw]) -> None:
        """`raw` raises NeedsScan."""
        self._moment = moment
        self._raw = raw
        self._session = moment.session
        self._question = question
        self._ids = event_ids(self._session, question, moment.clock)

    def by(self, dimension: str, key: str) -> Counter[Any]:
        if key == VALUE:
            return self._by_value(dimension)
        by_key: Counter[Any] = Counter()
        for (day, hour_s, is_view), count in self._moments.items():
            if is_view == (dimension == VIEWED_PAGE):
                by_key[day if key == DAY else hour_s] += count
        return by_key

    def unknown_hours(self) -> set[int]:
        """Those with events whose visits are folded: nothing tells whether these pass."""
        return self._unknown_hours

    @cached_property
    def _unknown_hours(self) -> set[int]:
        is_folded = ~exists().where(Visit.id == HAPPENED.c.visit_id)
        which = (*self._conditions(), self._is_old, is_folded)
        return set(self._session.scalars(select(HAPPENED.c.hour_s).where(*which).distinct()))

    @cached_property
    def _moments(self) -> Counter[Happening]:
        columns = (HAPPENED.c.day, HAPPENED.c.hour_s, HAPPENED.c.name == PAGEVIEW)
        by_moment: Counter[Happening] = Counter()
        for day, hour_s, is_view, count in self._counted(columns):
            by_moment[day, hour_s, bool(is_view)] += count
        for event in self._unprojected():
            by_moment[event.day, event.hour_s, event.name == PAGEVIEW] += 1
        return by_moment

    def _by_value(self, dimension: str) -> Counter[Value]:
        by_value: Counter[Value] = Counter()
        for value, count in self._counted((event_value(dimension, HAPPENED),), counts(dimension, HAPPENED)):
            by_value[value] += count
        for event in self._unprojected():
            if event.counts(dimension):
                by_value[event.value(dimension)] += 1
        return by_value

    def _counted(self, columns: tuple[Column, ...], *which: Column) -> Iterator[Any]:
        """Rows of the columns and a count: of events of visits with facts, and of visitors without a visit."""
        if not self._has_events:
            return
        these = (*self._conditions(), *which)
        wanted: Select[Any] = select(*columns, func.count()).where(*conditions(self._visits), *these).group_by(*columns)
        theirs = wanted.select_from(VisitFact.__table__.join(HAPPENED, HAPPENED.c.visit_id == VisitFact.visit_id))
        yield from self._raw().facts.scan(theirs, self._moment.fact_ids(self._visits))
        if _passes_without_visit(self._question.filters) and self._question.scope == SITE:
            alone = select(*columns, func.count()).where(HAPPENED.c.visit_id.is_(None), *these)
            yield from self._session.execute(alone.group_by(*columns))

    def _unprojected(self) -> Iterator[HappenedEvent]:
        """The events of visits that are not projected."""
        if not self._has_events:
            return
        unprojected, asked = self._moment.unprojected, self._question
        for visit in unprojected.matching(self._visits):
            for event in unprojected.events(visit):
                is_in_time = asked.until_ms is None or event.at_ms < asked.until_ms
                if is_in_time and asked.first <= event.day <= asked.last and asked.scope in (SITE, event.scope):
                    yield event

    @cached_property
    def _has_events(self) -> bool:
        return bool(self._session.scalar(select(exists().where(*self._conditions()))))

    @cached_property
    def _visits(self) -> Question:
        """The question for the visits to which one of the events may belong."""
        theirs = select(func.min(Visit.day)).where(Visit.id == HAPPENED.c.visit_id)
        first = self._session.scalar(theirs.where(*self._conditions(), self._is_old))
        return replace(self._question, first=min(first or self._question.first, self._question.first), until_ms=None)

    @cached_property
    def _is_old(self) -> Column:
        """Whether the visit of an event may be of the first day or before it, or folded. Visits after the newest that
        is stored are folded: of days long ago, and imported.
        """
        days = Days(None, date.fromisoformat(self._question.first) + MARGIN)
        _, ended_ms = self._moment.clock.range_ms(days)
        before, newest = (id_range(self._session, None, each)[1] for each in (ended_ms, None))
        return or_(HAPPENED.c.visit_id <= before, HAPPENED.c.visit_id > newest)

    def _conditions(self) -> list[Column]:
        after, upto = self._ids
        these = [HAPPENED.c.id > after, HAPPENED.c.id <= upto]
        these.append(HAPPENED.c.day.between(self._question.first, self._question.last))
        if self._question.scope != SITE:
            these.append(HAPPENED.c.scope == self._question.scope)
        if self._question.until_ms is not None:
            these.append(HAPPENED.c.at_ms < self._question.until_ms)
        return these


def event_ids(session: Session, question: Question, clock: Clock) -> tuple[int, int]:
    """Ids of events, over the first and up to the second: all of the range, also if it was counted in another zone."""
    days = Days(date.fromisoformat(question.first) - MARGIN, date.fromisoformat(question.last) + MARGIN)
    newest = session.scalar(select(func.max(Event.id))) or 0
    return ids_between(session, Event, *clock.range_ms(days), 0, newest)


def _passes_without_visit(filters: Filters) -> bool:
    """Whether an event of a visitor without a visit passes: all dimensions of visits are None for it."""
    return not any(
        dimension == VISITOR_KIND or has_many(dimension) or not filter_.passes((), is_none=True)
        for dimension, filter_ in filters.items()
    )
