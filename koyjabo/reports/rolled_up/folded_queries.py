"""Reads rolled-up days from their sums and from the ledger's daily and hourly totals.

The number of distinct visitors is unknown for several rolled-up days together. With a single-value filter, only the
number of visits is known. With any other filter, and for a day that `until_ms` cuts short, nothing is known.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from sqlalchemy import BigInteger, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.models import EventSum, InsightSum, RolledUpVisits, Scope
from koyjabo.counting.queries import visits_by_day, visits_by_hour
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.live.live import Live
from koyjabo.reports.query.groups import (
    EVERYTHING,
    NO_VISITS,
    REST,
    Group,
    Groups,
    merged,
    merged_by,
    total as sum_of,
)
from koyjabo.reports.query.report_query import (
    DAY,
    EVENT,
    GRANULARITIES,
    HOUR,
    MINUTE,
    PROPERTIES,
    VIEWED_PAGE,
    Question,
    Value,
    one_value,
    period_of,
    property_of,
)
from .day_sums import (
    ALL,
    HOUR as STORED_HOUR,
    OTHER,
    REST as PROPERTY_REST,
    TOTAL,
    hour,
    named,
    texts_of,
)

SUMS: dict[str, Any] = {
    "visits": InsightSum.visits,
    "count": InsightSum.count,
    "attended": func.coalesce(InsightSum.attended, 0),
    "attended_ms": func.coalesce(InsightSum.attended_ms, 0),
}
NO_SUMS: Any = SimpleNamespace(**dict.fromkeys(SUMS, 0), visitors=None)
"""The sums of a day that has none."""

IS_KEPT = EventSum.value != OTHER

Ask = Callable[[Question, str], Groups]
"""Returns a question's groups by a key, from stored rows."""


def folded_days(session: Session, scope: Scope, folded_before: str) -> set[str]:
    """Return all days that have rolled-up visits or sums."""
    removed = select(RolledUpVisits.day).where(RolledUpVisits.scope == scope)
    summed = select(InsightSum.period).where(
        InsightSum.scope == scope,
        InsightSum.dimension == TOTAL,
        InsightSum.period < folded_before,
        InsightSum.people.is_(None),  # an earlier version also wrote sums for days that are not rolled up
    )
    return {*session.scalars(removed.distinct()), *session.scalars(summed)}


class RolledUpDays:
    """Answers a question about a range that includes rolled-up days. `ask` answers the question for stored rows."""

    def __init__(self, session: Session, clock: Clock, question: Question, days: set[str], ask: Ask) -> None:
        self._session, self._clock, self._question, self._days, self._ask = session, clock, question, days, ask
        cut = None if question.until_ms is None else clock.bucket(question.until_ms).day
        self.knows_sums = not question.filters and (cut is None or all(day < cut for day in days))
        self._cut = cut

    def by(self, key: str) -> Groups:
        """Return groups by period name, by value or REST, or by None for everything."""
        if key == HOUR:
            return self._by_hour()
        if key == EVERYTHING or key in GRANULARITIES:
            return merged_by(self._by_day.items(), lambda day: None if key == EVERYTHING else period_of(day, key))
        if self.knows_sums:
            return self._by_value(key)
        filtered = one_value(self._question)
        if filtered is None or filtered[0] != key or len(filtered[1]) != 1:
            return {}
        visits = merged(list(self._by_day.values())).visits  # in the filter's dimension, all visits have its value
        return dict.fromkeys(filtered[1], Group.with_visits(visits)) if visits else {}

    @property
    def knows_hours(self) -> bool:
        """Whether the hours of rolled-up days are known. Changing TIMEZONE makes them unknown."""
        return self.knows_sums and self._hours is not None

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        """Return the values that have a row on every day that has merged values."""
        if not self.knows_sums:
            return set(values)
        if self._incomplete:
            return set()
        these = self._sums(dimension)
        lossy = list(self._session.scalars(select(InsightSum.period).where(*these, InsightSum.value == OTHER)))
        return _complete(self._session, InsightSum, these, lossy, dimension, values)

    @cached_property
    def _by_day(self) -> Groups:
        rest = {day: group for day, group in self._ask(self._question, DAY).items() if day not in self._days}
        if not self.knows_sums:
            return {**rest, **{day: Group.with_visits(visits) for day, visits in self._visits_of_days().items()}}
        known, rows = self._stored(TOTAL), self._rows
        folded = {
            day: self._group(*totals, known.get(day, NO_SUMS), rows.get(day, NO_VISITS))
            for day, totals in self._ledger.items()
        }
        return {**rest, **folded}

    def _by_hour(self) -> Groups:
        rows = self._ask(self._question, HOUR)
        if not self.knows_hours:
            unknown = {self._clock.local(hour_s) for day in self._days for hour_s in self._clock.hours(day, day)}
            return {**rows, **dict.fromkeys(unknown, Group.with_visits(None))}
        known, groups = self._stored(STORED_HOUR), {}
        for hour_s, (visits, new) in (self._hours or {}).items():
            local = self._clock.local(hour_s)
            groups[local] = self._group(visits, new, known.get(hour(hour_s), NO_SUMS), rows.get(local, NO_VISITS))
        return {**rows, **groups}

    @staticmethod
    def _group(visits: int, new: int, stored: Any, rows: Group) -> Group:
        """Return the group for one day or hour. `visits` and `new` are the ledger's totals."""
        if stored.visits + (rows.visits or 0) != visits:
            return Group.with_visits(visits)._replace(new=new)
        return Group(
            visits=visits,
            new=new,
            pages=stored.count + (rows.pages or 0),
            people=None,
            number=None if rows.visits else stored.visitors,
            attended=sum_of((stored.attended, rows.attended)),
            attended_ms=sum_of((stored.attended_ms, rows.attended_ms)),
        )

    def _by_value(self, dimension: str) -> Groups:
        columns: Any = (InsightSum.visits, InsightSum.new_visitors, SUMS["attended"], SUMS["attended_ms"])
        sums = (*map(func.sum, columns), func.count(), func.max(InsightSum.visitors))
        query: Any = select(InsightSum.value, *sums).where(*self._sums(dimension)).group_by(InsightSum.value)
        groups = [*self._ask(self._question, dimension).items()]
        is_one_day = self._question.first == self._question.last
        for value, visits, new, attended, attended_ms, rows, visitors in self._session.execute(query):
            number = visitors if is_one_day and rows == 1 and not self._incomplete else None
            name = REST if value == OTHER else named(dimension, value)
            group = Group(
                visits=int(visits),
                new=int(new),
                people=None,
                number=number,
                attended=int(attended),
                attended_ms=int(attended_ms),
            )
            groups.append((name, group))
        if self._incomplete:
            groups.append((REST, Group(people=None, attended=None, attended_ms=None)))
        return merged_by(groups)

    def _visits_of_days(self) -> dict[str, int | None]:
        """Return visits by rolled-up day; None for a day that `until_ms` cuts short, or whose merged values may include
        the filter's value.
        """
        filtered = one_value(self._question)
        if self._question.filters and not filtered:
            return dict.fromkeys(self._days)
        known: dict[str, int | None] = {day: self._ledger[day][0] for day in self._days}
        if filtered:
            total, rows = self._stored(TOTAL), self._ask(self._question, DAY)
            texts = [text for value in filtered[1] for text in texts_of(filtered[0], value)]
            own, others = (self._stored(filtered[0], *values) for values in (texts, [OTHER]))
            for day in self._days:
                there = self._rows.get(day, NO_VISITS).visits or 0
                is_whole = total.get(day, NO_SUMS).visits + there == known[day]
                visits = own.get(day, NO_SUMS).visits + (rows.get(day, NO_VISITS).visits or 0)
                known[day] = visits if is_whole and (day in own or day not in others) else None
        return {day: None if self._cut is not None and day >= self._cut else visits for day, visits in known.items()}

    @cached_property
    def _ledger(self) -> Mapping[str, tuple[int, int]]:
        by_day = visits_by_day(self._session, self._question.scope, self._question.first, self._question.last)
        return {day: by_day.get(day, (0, 0)) for day in self._days}

    @cached_property
    def _hours(self) -> Mapping[int, tuple[int, int]] | None:
        """Hourly totals of the rolled-up days; None if they were counted in another TIMEZONE."""
        clock, hours = self._clock, dict[int, tuple[int, int]]()
        for day in self._days:
            last_s = clock.began_s(shifted(day, 1)) - 1
            hours |= visits_by_hour(self._session, self._question.scope, clock.began_s(day), last_s)
        counted = sum(visits for visits, _ in hours.values())
        return hours if counted == sum(visits for visits, _ in self._ledger.values()) else None

    @cached_property
    def _rows(self) -> Groups:
        """Visits that still have rows although their day is rolled up."""
        groups = self._ask(replace(self._question, filters={}), DAY)
        return {day: group for day, group in groups.items() if day in self._days}

    @cached_property
    def _incomplete(self) -> set[str]:
        """Days whose sums lack visits, because they were rolled up before sums existed."""
        return {day for day in self._days if self._by_day[day].pages is None}

    def _stored(self, dimension: str, *values: str) -> Mapping[str, Any]:
        """Return the sums of these values by period, or of ALL if no values are given."""
        sums = [cast(func.sum(column), BigInteger).label(name) for name, column in SUMS.items()]
        visitors = func.max(InsightSum.visitors).label("visitors")
        query = select(InsightSum.period, *sums, visitors).where(*self._sums(dimension))
        query = query.where(InsightSum.value.in_(values or (ALL,))).group_by(InsightSum.period)
        return {row.period: row for row in self._session.execute(query)}

    def _sums(self, dimension: str) -> tuple[Any, ...]:
        periods: Any = InsightSum.period.in_(self._days)
        if dimension == STORED_HOUR:
            began = [(hour(self._clock.began_s(day)), hour(self._clock.began_s(shifted(day, 1)))) for day in self._days]
            periods = or_(*(and_(InsightSum.period >= first, InsightSum.period < end) for first, end in began))
        these = (InsightSum.scope == self._question.scope, InsightSum.dimension == dimension, periods)
        return (*these, InsightSum.people.is_(None))


class EventCounts:
    """Counts page views and events for one question, from stored rows and from the sums of rolled-up days."""

    def __init__(self, session: Session, clock: Clock, live: Live, question: Question) -> None:
        self._session, self._clock, self._live, self._question = session, clock, live, question
        folded_before = live.folded_before
        self._last = min(question.last, shifted(folded_before, -1)) if folded_before else ""
        is_cut = question.until_ms is not None and clock.bucket(question.until_ms).day < folded_before
        self._has_sums = question.first <= self._last
        self._adds_sums = self._has_sums and not (question.filters or is_cut)

    def by(self, dimension: str, key: str) -> Counter[Any]:
        """Count the events of a dimension by DAY, by the start of the hour in s (page views only), or by VALUE,
        excluding `other`.
        """
        counts = Counter(
            self._live.events_by(self._question, dimension, key)
        )  # a copy, because the counts of stored rows are reused
        if not self._adds_sums:
            return counts
        if key == DAY:
            return counts + self._days(dimension, EventSum.period)
        if key == HOUR:
            first_s, end_s = (self._clock.began_s(day) for day in (self._question.first, shifted(self._last, 1)))
            by_hour = self._read(STORED_HOUR, EventSum.period, str(first_s), str(end_s - 1))
            return counts + Counter({int(hour_s): count for hour_s, count in by_hour.items()})
        values: Counter[Any] = Counter()
        for value, count in self._days(dimension, EventSum.value, IS_KEPT).items():
            values[named(dimension, value)] += count
        if dimension.startswith(PROPERTIES):
            values[None] = self._of_event(dimension) - values.total() - self.other(dimension)
        return counts + values

    def other(self, dimension: str) -> int:
        """Return the number of events whose value is no longer known."""
        if not self._adds_sums:
            return 0
        others = self._days(dimension, EventSum.period, ~IS_KEPT).total()
        if lost := self._lost(dimension):
            others += self._of_event(dimension, EventSum.period.in_(lost))
        return others

    def complete(self, dimension: str, values: Collection[Value]) -> set[Value]:
        """Return the values whose counts are complete."""
        if not self._adds_sums:
            return set(values)
        lossy = self._days(dimension, EventSum.period, ~IS_KEPT).keys() | self._lost(dimension)
        return _complete(self._session, EventSum, self._of(dimension), lossy, dimension, values)

    @cached_property
    def unknown_hours(self) -> set[int]:
        """Starts of hours (s) with an unknown number of events: they, or their visits, have no rows, so the filters and
        `until_ms` cannot be evaluated.
        """
        hours = self._live.unknown_hours(self._question)
        if self._has_sums and not self._adds_sums:
            for day in {day for dimension in (VIEWED_PAGE, EVENT) for day in self._days(dimension, EventSum.period)}:
                hours = hours.union(self._clock.hours(day, day))
        return hours

    def totals(self) -> tuple[int | None, int | None]:
        """Return the numbers of page view events and of other events; None for both if they are not known."""
        if self.unknown_hours:
            return None, None
        views, events = (self.by(dimension, DAY).total() for dimension in (VIEWED_PAGE, EVENT))
        return views, events

    def views(self, granularity: str) -> tuple[Counter[str], set[str]]:
        """Return the number of page view events by period name, and the periods where this number is unknown."""
        local = self._clock.local
        by_period: Counter[str] = Counter()
        if granularity == MINUTE:
            by_period.update({local(minute_s): count for minute_s, count in self.by(VIEWED_PAGE, MINUTE).items()})
            return by_period, set()
        if granularity == HOUR:
            by_period.update({local(hour_s): count for hour_s, count in self.by(VIEWED_PAGE, HOUR).items()})
            return by_period, set(map(local, self.unknown_hours))
        for day, count in self.by(VIEWED_PAGE, DAY).items():
            by_period[period_of(day, granularity)] += count
        return by_period, {period_of(local(hour_s)[:10], granularity) for hour_s in self.unknown_hours}

    def _lost(self, dimension: str) -> set[str]:
        """Return the days whose sums lack a property because it, or its event, was not among the largest."""
        if not dimension.startswith(PROPERTIES):
            return set()
        lossy = self._days(EVENT, EventSum.period, ~IS_KEPT).keys() | self._days(PROPERTY_REST, EventSum.period).keys()
        return lossy - self._days(dimension, EventSum.period).keys() if lossy else set()

    def _of_event(self, dimension: str, *which: Any) -> int:
        """Return the number of events that have the event name of this property."""
        name = property_of(dimension)[0]
        if name == PAGEVIEW:
            return self._days(VIEWED_PAGE, EventSum.period, *which).total()
        return self._days(EVENT, EventSum.period, EventSum.value == name, *which).total()

    def _days(self, dimension: str, key: Any, *which: Any) -> Counter[Any]:
        return self._read(dimension, key, self._question.first, self._last, *which)

    def _read(self, dimension: str, key: Any, first: str, last: str, *which: Any) -> Counter[Any]:
        query = select(key, func.sum(EventSum.count)).where(*self._of(dimension), EventSum.period.between(first, last))
        rows = self._session.execute(query.where(*which).group_by(key))
        return Counter({name: int(count) for name, count in rows})

    def _of(self, dimension: str) -> tuple[Any, ...]:
        return EventSum.scope == self._question.scope, EventSum.dimension == dimension


def _complete(
    session: Session,
    model: type[InsightSum] | type[EventSum],
    which: Collection[Any],
    lossy: Collection[str],
    dimension: str,
    values: Collection[Value],
) -> set[Value]:
    """Return the values that have a row on all of the `lossy` days, which have merged some of their values."""
    if not lossy:
        return set(values)
    texts = {text: value for value in values for text in texts_of(dimension, value)}
    query = select(model.value).where(*which, model.period.in_(lossy), model.value.in_(texts)).group_by(model.value)
    return {texts[text] for text in session.scalars(query.having(func.count() == len(lossy)))}
