"""How many page views and events of a filtered question there were, from the rows of events and of their visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, Days
from koyjabo.counting.id_range_queries import id_range
from koyjabo.database.id_order import ids_between
from koyjabo.models import SITE, Event, Visit
from koyjabo.reports.engine.raw import event_queries
from koyjabo.reports.engine.raw.arm_queries import Arm, Column
from koyjabo.reports.engine.raw.condition_queries import VISITOR_KIND, conditions
from koyjabo.reports.engine.raw.event_queries import EVENTS
from koyjabo.reports.engine.raw.group_queries import Rows
from koyjabo.reports.events.event_plan import EVENT, VIEWED_PAGE
from koyjabo.reports.query.ranges import MARGIN
from koyjabo.reports.query.report_query import Filter, Question, Value
from koyjabo.reports.traits.parser import TraitParser

HAPPENED = EVENTS.alias("happened")
"""Beside the events by which visits are filtered."""


class EventRows:
    """Events count on their own day. Their visit passes the filters, whenever it was."""

    def __init__(self, session: Session, question: Question, parser: TraitParser, clock: Clock) -> None:
        self._session = session
        self._question = question
        self._ids = ids(session, question, clock)
        self._is_old = _is_old(session, question, clock)
        self._folded_hours: set[int] | None = None
        self._has_events = session.scalar(select(exists().where(*self._conditions())))
        if self._has_events:
            self._visits = replace(question, first=self._first_day(), until_ms=None)
            self._rows = Rows(session, self._visits, parser, clock)

    def totals(self) -> tuple[int | None, int | None]:
        """Page views that are events, and other events; None if they are not known."""
        if self.incomplete_hours():
            return None, None
        return sum(self.by_day().values()), sum(self.by_value(EVENT).values())

    def by_day(self) -> Counter[str]:
        """Page views by day."""
        return self._counted(HAPPENED.c.day, VIEWED_PAGE)

    def by_hour(self, clock: Clock) -> Counter[int]:
        """Page views by the start of the hour, s."""
        return self._counted(HAPPENED.c.hour_s, VIEWED_PAGE)

    def by_value(self, dimension: str) -> Counter[Value]:
        return self._counted(event_queries.value(dimension, HAPPENED), dimension)

    def other(self, dimension: str) -> int:
        """Rows have all values."""
        return 0

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        return set(values)

    def incomplete_hours(self) -> set[int]:
        """The beginnings of hours with events whose visits are folded, s: nothing tells whether these pass."""
        if self._folded_hours is None:
            is_folded = ~exists().where(Visit.id == HAPPENED.c.visit_id)
            which = (*self._conditions(), self._is_old, is_folded)
            self._folded_hours = set(self._session.scalars(select(HAPPENED.c.hour_s).where(*which).distinct()))
        return self._folded_hours

    def _counted(self, key: Column, dimension: str) -> Counter[Any]:
        which = [*self._conditions(), event_queries.counts(dimension, HAPPENED)]
        found: Counter[Any] = Counter()
        if not self._has_events:
            return found
        for name, count in self._rows.found(lambda arm: self._of_visits(arm, key, which)):
            found[name] += count
        if _passes_without_visit(self._question.filters) and self._question.scope == SITE:
            alone = select(key, func.count()).where(HAPPENED.c.visit_id.is_(None), *which).group_by(key)
            for name, count in self._session.execute(alone):
                found[name] += count
        return found

    def _of_visits(self, arm: Arm, key: Column, which: list[Column]) -> Select[Any]:
        wanted: Select[Any] = select(key, func.count())  # type: ignore[assignment]
        wanted = wanted.where(*arm.bounds(), *conditions(arm, self._visits), *which)
        theirs = arm.source.join(HAPPENED, HAPPENED.c.visit_id == arm.column("visit_id"))
        return wanted.select_from(theirs).group_by(key)

    def _conditions(self) -> list[Column]:
        after, upto = self._ids
        found = [HAPPENED.c.id > after, HAPPENED.c.id <= upto]
        found.append(HAPPENED.c.day.between(self._question.first, self._question.last))
        if self._question.scope != SITE:
            found.append(HAPPENED.c.scope == self._question.scope)
        if self._question.until_ms is not None:
            found.append(HAPPENED.c.at_ms < self._question.until_ms)
        return found

    def _first_day(self) -> str:
        """The first day of a visit to which one of the events belongs."""
        theirs = select(func.min(Visit.day)).where(Visit.id == HAPPENED.c.visit_id)
        found = self._session.scalar(theirs.where(*self._conditions(), self._is_old))
        return min(found or self._question.first, self._question.first)


def ids(session: Session, question: Question, clock: Clock) -> tuple[int, int]:
    """Ids of events, over the first and up to the second: all of the range, also if it was counted in another zone."""
    days = Days(date.fromisoformat(question.first) - MARGIN, date.fromisoformat(question.last) + MARGIN)
    newest = session.scalar(select(func.max(Event.id))) or 0
    return ids_between(session, Event, *clock.range_ms(days), 0, newest)


def _is_old(session: Session, question: Question, clock: Clock) -> Column:
    """Whether the visit of an event may be of the first day or before it, or folded. Visits after the newest that is
    stored are folded: of days long ago, and imported.
    """
    _, ended_ms = clock.range_ms(Days(None, date.fromisoformat(question.first) + MARGIN))
    before, newest = (id_range(session, None, each)[1] for each in (ended_ms, None))
    return or_(HAPPENED.c.visit_id <= before, HAPPENED.c.visit_id > newest)


def _passes_without_visit(filters: Mapping[str, Filter]) -> bool:
    """Whether an event of a visitor without a visit passes: all dimensions of visits are None for it."""
    return not any(
        dimension == VISITOR_KIND
        or event_queries.is_of_events(dimension)
        or None in filter_.none_of
        or (filter_.any_of and None not in filter_.any_of)
        for dimension, filter_ in filters.items()
    )
