"""Page views and events of a question without filters, from their sums by day and hour, which are never deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import Any

from sqlalchemy import and_, func, or_, select

from koyjabo.core.clock import shifted
from koyjabo.database.rows import DISORDER_MS, last_before
from koyjabo.models import SITE, Event, EventSum
from koyjabo.reports.engine.condition_queries import EVENTS, Column, counts, event_value
from koyjabo.reports.engine.event_row_queries import EventCounts, event_ids
from koyjabo.reports.engine.moment_queries import Moment
from koyjabo.reports.events.event_plan import EVENT, PROPERTIES, REST, VIEWED_PAGE, property_of
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.projection.additions import HOUR as STORED_HOUR
from koyjabo.reports.projection.additions import OTHER, decoded, encoded
from koyjabo.reports.query.periods import DAY, HOUR
from koyjabo.reports.query.ranges import day_number
from koyjabo.reports.query.report_query import Question, Value

IS_KEPT = EventSum.value != OTHER


class EventSums(EventCounts):
    """Events after `until_ms` are read from rows and left out, and values that sums do not have are read from rows as
    long as these are kept.
    """

    def __init__(self, moment: Moment, question: Question) -> None:
        self._moment = moment
        self._session = moment.session
        self._question = question
        self._days_in_rows: dict[str, set[str]] = {}

    def by(self, dimension: str, key: str) -> Counter[Any]:
        if key == DAY:
            return self._counted(dimension, EventSum.period, EVENTS.c.day)
        return self._by_hour() if key == HOUR else self._by_value(dimension)

    def other(self, dimension: str) -> int:
        """How many have a value that the sums of their day do not have, and no rows any more."""
        is_folded = EventSum.period.not_in(self._in_rows(dimension))
        merged = sum(self._read_days(dimension, EventSum.period, ~IS_KEPT, is_folded).values())
        if _is_of_a_property(dimension):
            name, is_lost = property_of(dimension)[0], EventSum.period.in_(self._lost(dimension))
            which = (VIEWED_PAGE,) if name == PAGEVIEW else (EVENT, EventSum.value == name)
            merged += sum(self._read_days(which[0], EventSum.period, is_lost, is_folded, *which[1:]).values())
        return merged

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        lossy = self._lossy(dimension) - self._in_rows(dimension)
        if not lossy:
            return set(values)
        texts = {encoded(value): value for value in values}
        these = (EventSum.value.in_(texts), EventSum.period.in_(lossy))
        wanted = select(EventSum.value).where(*self._of(dimension), *these).group_by(EventSum.value)
        return {texts[text] for text in self._session.scalars(wanted.having(func.count() == len(lossy)))}

    def _by_hour(self) -> Counter[int]:
        clock, days = self._moment.clock, (self._question.first, self._question.last)
        first_s, end_s = clock.began_s(days[0]), clock.began_s(shifted(days[1], 1))
        by_hour = self._read(STORED_HOUR, EventSum.period, str(first_s), str(end_s - 1))
        return Counter({int(hour_s): count for hour_s, count in by_hour.items()})

    def _by_value(self, dimension: str) -> Counter[Value]:
        values = self._values(dimension)
        if _is_of_a_property(dimension):
            values[None] = 0
            values[None] = self._named(dimension) - sum(values.values()) - self.other(dimension)
        return +values

    def _values(self, dimension: str) -> Counter[Value]:
        """How many have each value that is recorded."""
        days, key = self._in_rows(dimension), event_value(dimension)
        which = (IS_KEPT, EventSum.period.not_in(days))
        return self._counted(dimension, EventSum.value, key, decoded, *which) + self._rows(dimension, key, days)

    def _lossy(self, dimension: str) -> set[str]:
        """The days whose sums lack values: beyond the limits of a day, or not among the largest of a folded one."""
        return self._read_days(dimension, EventSum.period, ~IS_KEPT).keys() | self._lost(dimension)

    def _in_rows(self, dimension: str) -> set[str]:
        """Those of them of which all events are still there."""
        if dimension not in self._days_in_rows:
            lossy = {day for day in self._lossy(dimension) if day >= self._oldest_day}
            name = property_of(dimension)[0] if _is_of_a_property(dimension) else dimension
            all_ = VIEWED_PAGE if name in (PAGEVIEW, VIEWED_PAGE) else EVENT
            rows = self._rows(all_, EVENTS.c.day, lossy)
            counted = self._read_days(all_, EventSum.period, EventSum.period.in_(lossy))
            self._days_in_rows[dimension] = {day for day in lossy if rows[day] == counted[day]}
        return self._days_in_rows[dimension]

    @cached_property
    def _oldest_day(self) -> str:
        """No event of an earlier day is stored."""
        oldest = self._session.scalar(select(EVENTS.c.day).order_by(EVENTS.c.id).limit(1))
        return shifted(oldest, -1) if oldest else "~"

    def _rows(self, dimension: str, key: Column, days: Collection[str]) -> Counter[Any]:
        """How many events of these days there are by `key`."""
        if not days:
            return Counter()
        which = (or_(*map(self._within, _runs(days))), EVENTS.c.day.in_(days), *self._here())
        wanted = select(key, func.count()).where(*which, counts(dimension)).group_by(key)
        return Counter(dict(map(tuple, self._session.execute(wanted))))

    def _within(self, run: tuple[str, str]) -> Column:
        first, last = run
        after, upto = event_ids(self._session, replace(self._question, first=first, last=last), self._moment.clock)
        return and_(EVENTS.c.id > after, EVENTS.c.id <= upto)

    def _here(self) -> tuple[Column, ...]:
        return () if self._question.scope == SITE else (EVENTS.c.scope == self._question.scope,)

    def _lost(self, dimension: str) -> set[str]:
        """The days of which a property is not known, because it or its event was not among the largest."""
        if not _is_of_a_property(dimension):
            return set()
        lossy = self._read_days(EVENT, EventSum.period, ~IS_KEPT).keys() | self._read_days(REST, EventSum.period).keys()
        return lossy - self._read_days(dimension, EventSum.period).keys() if lossy else set()

    def _named(self, dimension: str) -> int:
        """How many events have the name of a property."""
        name = property_of(dimension)[0]
        return sum(self.by(VIEWED_PAGE, DAY).values()) if name == PAGEVIEW else self._values(EVENT)[name]

    def _counted(
        self, dimension: str, key: Any, key_of_row: Any, decode: Callable[[str], Any] = str, *which: Column
    ) -> Counter[Any]:
        stored = self._read_days(dimension, key, *which)
        by_name = Counter({decode(name): count for name, count in stored.items()})
        if self._question.until_ms is not None:
            by_name.subtract(self._too_late(self._question.until_ms, dimension, key_of_row))
        return by_name

    def _read_days(self, dimension: str, key: Any, *which: Column) -> Counter[Any]:
        return self._read(dimension, key, self._question.first, self._question.last, *which)

    def _read(self, dimension: str, key: Any, first: str, last: str, *which: Column) -> Counter[Any]:
        these = (*self._of(dimension), EventSum.period.between(first, last), *which)
        wanted = select(key, func.sum(EventSum.count)).where(*these)
        return Counter({name: int(count) for name, count in self._session.execute(wanted.group_by(key))})

    def _of(self, dimension: str) -> tuple[Column, ...]:
        return EventSum.scope == self._question.scope, EventSum.dimension == dimension

    def _too_late(self, until_ms: int, dimension: str, key: Any) -> dict[Any, int]:
        """Events of the last day from that moment on."""
        newest = self._session.scalar(select(func.max(EVENTS.c.id))) or 0
        after = last_before(self._session, Event, until_ms - DISORDER_MS, 0, newest)
        is_late = (EVENTS.c.id > after, EVENTS.c.day == self._question.last, EVENTS.c.at_ms >= until_ms)
        wanted = select(key, func.count()).where(*is_late, *self._here(), counts(dimension)).group_by(key)
        return dict(map(tuple, self._session.execute(wanted)))


def _is_of_a_property(dimension: str) -> bool:
    return dimension.startswith(PROPERTIES)


def _runs(days: Collection[str]) -> list[tuple[str, str]]:
    """The first and the last of days that follow each other."""
    numbered = enumerate(sorted(days))
    runs = [[day for _, day in run] for _, run in groupby(numbered, lambda each: day_number(each[1]) - each[0])]
    return [(run[0], run[-1]) for run in runs]
