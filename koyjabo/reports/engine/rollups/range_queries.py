"""The sums of a scope over a range of days: kept ones of closed days, stored ones, and those of the tail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, shifted
from koyjabo.models import InsightSum, Scope
from koyjabo.reports.engine.answers import Sums
from koyjabo.reports.engine.raw.ledger_queries import folded_days
from koyjabo.reports.engine.rollups import day_queries, stored_queries
from koyjabo.reports.engine.rollups.stored_queries import Merged, union
from koyjabo.reports.engine.rollups.tail_queries import Tail
from koyjabo.reports.projection import sum_queries
from koyjabo.reports.projection.additions import Addition, Additions
from koyjabo.reports.projection.encoding import ALL, HOUR, OTHER, TOTAL, hour
from koyjabo.reports.projection.folding_queries import folded_before
from koyjabo.reports.projection.state_queries import State
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.query.result_cache import ResultCache
from koyjabo.reports.traits.parser import TraitParser

MOST_KEPT = 32_000_000
"""Bytes, about, of sums of closed days."""

Figures = tuple[int, int | None, int, int | None]
"""(visits, visitors, new visitors, page views)"""


class Source(NamedTuple):
    """The state a server keeps between two answers. For one thread."""

    tail: Tail
    closed: ResultCache

    @classmethod
    def new(cls, parser: TraitParser) -> Source:
        return cls(Tail(parser), ResultCache(MOST_KEPT))


class Range:
    """`folded` are the days of which visits are folded, all or some."""

    def __init__(
        self,
        session: Session,
        closed: ResultCache,
        state: State,
        tail: Additions,
        scope: Scope,
        first: str,
        last: str,
        folded: Collection[str],
    ) -> None:
        self.session, self.scope, self.first, self.last = session, scope, first, last
        self.folded = folded
        self._closed, self._state, self._tail = closed, state, tail

    @classmethod
    def of(cls, session: Session, source: Source, question: Question) -> Range | None:
        """None if the sums cannot be used."""
        found = source.tail.read(session)
        if found is None:
            return None
        folded = folded_days(session, question)
        return cls(session, source.closed, *found, question.scope, question.first, question.last, folded)

    def without_last_day(self) -> Range:
        last = shifted(self.last, -1)
        folded = [day for day in self.folded if day <= last]
        return Range(self.session, self._closed, self._state, self._tail, self.scope, self.first, last, folded)

    def total(self) -> Merged:
        """Visits and new visitors are those of the ledger, also of days whose rows are incomplete."""
        found = Merged().plus(*self.values(TOTAL).values())
        found.visits, found.new_visitors = (sum(each[at] for each in self._days.values()) for at in (0, 1))
        return found

    def values(self, dimension: str) -> dict[str, Merged]:
        """By value, as `encoding` writes them."""
        newest = sum_queries.newest_day(self.session)
        closed_upto = min(self.last, shifted(newest, -1)) if newest else ""
        parts: defaultdict[str, list[Merged | Addition]] = defaultdict(list)
        for part in (self._kept(dimension, closed_upto), self._merged(dimension, max(self.first, newest), self.last)):
            for value, sums in part.items():
                parts[value].append(sums)
        for (_, value), addition in self.additions(dimension, self.first, self.last):
            parts[value].append(addition)
        return {value: Merged().plus(*sums) for value, sums in parts.items()}

    def sums(self, dimension: str, value: str, merged: Merged) -> Sums:
        return Sums(merged.visits, self.visitors(dimension, value, merged), merged.new_visitors)

    def visitors(self, dimension: str, value: str, merged: Merged) -> int | None:
        """None if they are not known. A folded day has its own number."""
        if merged.people is not None:
            return len(merged.people)
        if self.first != self.last or self._incomplete or dict(self.additions(dimension, self.first, self.last)):
            return None
        rows = stored_queries.numbers(self.session, self.scope, dimension, self.first, self.last)
        return next((row.visitors for row in rows if row.value == value), None)

    @property
    def lacks_rows(self) -> bool:
        """Whether the rows of some days have fewer visits than the ledger: they were folded before there were sums."""
        return bool(self._incomplete)

    def complete(self, dimension: str, values: Collection[str]) -> set[str]:
        """Those of the values whose sums lack nothing."""
        if self.lacks_rows:
            return set()
        rows = InsightSum.scope == self.scope, InsightSum.dimension == dimension
        lossy = self._days_with_other(dimension)
        if not lossy:
            return set(values)
        wanted = select(InsightSum.value).where(*rows, InsightSum.period.in_(lossy), InsightSum.value.in_(values))
        return set(self.session.scalars(wanted.group_by(InsightSum.value).having(func.count() == len(lossy))))

    def by_day(self) -> dict[str, Figures]:
        stored = {row.period: row for row in self._stored_days}
        tail = dict(self.additions(TOTAL, self.first, self.last))
        touched = {period for period, _ in tail}
        people = self._people(TOTAL, touched)
        return {
            day: _figures(counts, stored.get(day), tail.get((day, ALL)), people.get(day))
            for day, counts in self._days.items()
        }

    def by_hour(self, clock: Clock) -> dict[str, Figures] | None:
        """By local time. None if the hours are those of another TIMEZONE."""
        counted = self.visits_by_hour(clock)
        if counted is None:
            return None
        first_s, last_s = self._hours(clock)
        stored = {row.period: row for row in stored_queries.numbers(self.session, self.scope, HOUR, first_s, last_s)}
        tail = dict(self.additions(HOUR, first_s, last_s))
        people = self._people(HOUR, {period for period, _ in tail})
        found = {}
        for hour_s, counts in counted.items():
            at = hour(hour_s)
            found[clock.local(hour_s)] = _figures(counts, stored.get(at), tail.get((at, ALL)), people.get(at))
        return found

    def visits_by_hour(self, clock: Clock) -> dict[int, day_queries.Counts] | None:
        first_s, last_s = map(int, self._hours(clock))
        found = day_queries.by_hour(self.session, self.scope, first_s, last_s)
        is_same = sum(each[0] for each in found.values()) == sum(each[0] for each in self._days.values())
        return found if is_same else None

    def grouped(self, period_of: Callable[[str], str]) -> dict[str, Figures]:
        """By periods of several days."""
        days = self.by_day()
        people = stored_queries.people_by_period(self.session, self.scope, TOTAL, self.first, self.last)
        tail = dict(self.additions(TOTAL, self.first, self.last))
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for day in days:
            groups[period_of(day)].append(day)
        found = {}
        for name, members in groups.items():
            visits, own, new, pages = zip(*(days[day] for day in members), strict=True)
            known = [people.get(day) if day in people else Merged().people for day in members]
            known += [tail[day, ALL].people for day in members if (day, ALL) in tail]
            distinct = union(known) if not self._incomplete & set(members) else None
            visitors = own[0] if len(members) == 1 else None if distinct is None else len(distinct)
            found[name] = (sum(visits), visitors, sum(new), None if None in pages else sum(pages))
        return found

    @cached_property
    def _days(self) -> dict[str, day_queries.Counts]:
        return day_queries.by_day(self.session, self.scope, self.first, self.last)

    @cached_property
    def _stored_days(self) -> list[stored_queries.NumbersRow]:
        return stored_queries.numbers(self.session, self.scope, TOTAL, self.first, self.last)

    @cached_property
    def _incomplete(self) -> frozenset[str]:
        found = {row.period: row.visits for row in self._stored_days}
        for (day, _), addition in self.additions(TOTAL, self.first, self.last):
            found[day] = found.get(day, 0) + addition.visits
        return frozenset(day for day, (visits, _) in self._days.items() if found.get(day, 0) != visits)

    def _kept(self, dimension: str, upto: str) -> dict[str, Merged]:
        """The sums of the days up to `upto`, which is closed: nothing was added since without a trace in the state."""
        if upto < self.first:
            return {}
        key, version = (self.scope, dimension, self.first, upto), (self._state.changes, self._incomplete)
        found = self._closed.get(key, version)
        if found is None:
            merged = self._merged(dimension, self.first, upto)
            found = list(merged.items())
            self._closed.store(key, version, found, sum(_bytes(sums) for sums in merged.values()))
        return dict(found)

    def _merged(self, dimension: str, first: str, last: str) -> dict[str, Merged]:
        return stored_queries.merged(self.session, self.scope, dimension, first, last, self._incomplete)

    def additions(self, dimension: str, first: str, last: str) -> Iterator[tuple[tuple[str, str], Addition]]:
        """Those of the tail, by period and value."""
        for (scope, name, period, value), addition in self._tail.items():
            if name == dimension and scope == self.scope and first <= period <= last:
                yield (period, value), addition

    def _people(self, dimension: str, periods: Collection[str]) -> dict[str, stored_queries.People]:
        found: dict[str, stored_queries.People] = {}
        for each in periods:
            found |= stored_queries.people_by_period(self.session, self.scope, dimension, each, each)
        return found

    def _days_with_other(self, dimension: str) -> list[str]:
        """Also days that are about to be folded."""
        days = InsightSum.period.between(self.first, min(self.last, folded_before(self.session)))
        rows = InsightSum.scope == self.scope, InsightSum.dimension == dimension, InsightSum.value == OTHER
        return list(self.session.scalars(select(InsightSum.period).where(*rows, days)))

    def _hours(self, clock: Clock) -> tuple[str, str]:
        """The first and the last hour, as `encoding` writes them."""
        return hour(clock.began_s(self.first)), hour(clock.began_s(shifted(self.last, 1)) - 1)


def _figures(
    counts: day_queries.Counts,
    row: stored_queries.NumbersRow | None,
    addition: Addition | None,
    people: stored_queries.People,
) -> Figures:
    """Of one day or hour. `people` are those of the row, if there is an addition."""
    visits, new = counts
    known = (row.visits if row else 0) + (addition.visits if addition else 0)
    if known != visits:
        return visits, None, new, None
    pages = (row.count if row else 0) + (addition.count if addition else 0)
    if addition is None:
        return visits, row.visitors if row else 0, new, pages
    if row is not None and people is None:
        return visits, None, new, pages
    distinct = addition.people | people if people is not None else addition.people
    return visits, len(distinct), new, pages


def _bytes(sums: Merged) -> int:
    """The approximate memory: a number takes 2 bytes, but 65,536 numbers close together not more than 8,192."""
    people = sums.people
    return 300 + (min(2 * len(people), people.max() // 8 + 8192) if people else 0)
