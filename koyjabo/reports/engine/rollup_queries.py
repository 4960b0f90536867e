"""The source of stored sums: groups of visits without filters, with those that are not projected yet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pyroaring import BitMap
from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.core.clock import shifted
from koyjabo.counting.queries import Visited, id_range, visits_by_day, visits_by_hour
from koyjabo.models import SITE, Scope
from koyjabo.reports.engine import stored_queries
from koyjabo.reports.engine.condition_queries import HOUR_S
from koyjabo.reports.engine.groups import (
    EVERYTHING,
    NO_VISITS,
    REST,
    VISITOR_KIND,
    WEEKDAY,
    Group,
    Groups,
    People,
    merged,
    merged_by,
    named,
    union,
)
from koyjabo.reports.engine.moment_queries import Moment
from koyjabo.reports.engine.unprojected_queries import MOST_KEPT
from koyjabo.reports.projection.additions import HOUR as STORED_HOUR
from koyjabo.reports.projection.additions import OTHER, TOTAL, Addition, decoded, encoded, hour
from koyjabo.reports.projection.people import WITHOUT_NUMBER
from koyjabo.reports.projection.reading_queries import Parsed
from koyjabo.reports.query.dimensions import TRAITS
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.periods import DAY, GRANULARITIES, HOUR, period_of
from koyjabo.reports.query.report_query import Question, Value
from koyjabo.reports.query.result_cache import ResultCache

SUMMED = {"page", "referrer", VISITOR_KIND, *TRAITS}

VISITS_OF_HOUR = text(f"""
SELECT coalesce(n.number, {WITHOUT_NUMBER} + coalesce(w.first_visit, v.id)) AS person,
       o.first_visit = v.id AS is_new, v.page IS NOT NULL AS has_page, v.at_ms
FROM visits v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors o ON o.scope = :scope AND o.visitor_id = v.visitor_id
LEFT JOIN visitor_numbers n ON n.first_visit = w.first_visit
WHERE v.id > :after AND v.id <= :upto AND v.hour_s = :hour_s AND v.day = :day
AND (:scope = 'site' OR v.scope = :scope)
""")


class Rollups:
    """Cannot answer with filters, while sums are made again, and with many visits that are not in them yet."""

    def __init__(self, moment: Moment, closed: ResultCache) -> None:
        self._moment = moment
        self._closed = closed
        self._ranges: dict[Question, _Range] = {}
        self._groups: dict[tuple[Question, str], Groups | None] = {}

    def by(self, question: Question, key: str) -> Groups | None:
        """By the name of a period, a value or REST, (weekday, hour), or None for everything. None: other sources have
        to answer.
        """
        if (question, key) not in self._groups:
            self._groups[question, key] = self._by(question, key)
        return self._groups[question, key]

    def _by(self, question: Question, key: str) -> Groups | None:
        if question.filters or not self.is_usable:
            return None
        if question.until_ms is not None:
            return self._before(question, question.until_ms) if key == EVERYTHING else None
        range_ = self._range(question)
        if key == EVERYTHING:
            return {None: range_.total()}
        if key in (HOUR, WEEKDAY):
            return range_.by_hour(key)
        if key in SUMMED or (key == COMMUNITY and question.scope == SITE):
            return range_.values(key)
        if key == DAY:
            return range_.by_day()
        return range_.grouped(key) if key in GRANULARITIES else None

    def complete(self, question: Question, dimension: str, values: Collection[Value]) -> set[Value]:
        """Those of the values whose sums lack nothing. Call it if `by` has answered."""
        range_ = self._range(question)
        if range_.incomplete:
            return set()
        texts = {encoded(value): value for value in values}
        days, session = range_.days, self._moment.session
        known = stored_queries.complete(session, question.scope, dimension, days.keys(), list(texts))
        return {texts[each] for each in known}

    @cached_property
    def is_usable(self) -> bool:
        moment = self._moment
        return moment.state.is_complete and moment.newest - moment.state.upto <= MOST_KEPT

    def _range(self, question: Question) -> _Range:
        if question not in self._ranges:
            self._ranges[question] = _Range(self._moment, self._closed, question)
        return self._ranges[question]

    def _before(self, question: Question, until_ms: int) -> Groups | None:
        """Of a range that is cut on its last day: the days before it, whole hours, and the visits of the last one. None
        if the sums of its hours lack something, or visits of the day are folded.
        """
        last, (day, hour_s) = question.last, self._moment.clock.bucket(until_ms)
        if day != last or last in self._moment.folded_days(question):
            return None
        whole = replace(question, last=shifted(last, -1), until_ms=None)
        range_ = self._range(replace(question, first=last, until_ms=None))
        parts = [range_.whole_hours(hour_s), range_.part_of_hour(hour_s, until_ms)]
        if whole.first <= whole.last:
            parts.append(self._range(whole).total())
        known = [group for group in parts if group is not None]
        return {None: merged(known)} if len(known) == len(parts) else None


@dataclass(frozen=True)
class _Range:
    """The sums of the days of a question."""

    moment: Moment
    closed: ResultCache
    question: Question

    def total(self) -> Group:
        """Visits and new visitors are those of the ledger, also of days whose rows are incomplete."""
        visits, new = (sum(each[at] for each in self.days.values()) for at in (0, 1))
        if self.incomplete:
            return Group(visits, new, None, None)
        return self.values(TOTAL).get(None, NO_VISITS)._replace(visits=visits, new=new)

    def values(self, dimension: str) -> dict[Any, Group]:
        """By value; REST has those that are merged, and what is not known."""
        question, newest = self.question, self.moment.newest_day
        closed_upto = min(question.last, shifted(newest, -1)) if newest else ""
        open_from = max(question.first, newest)
        parts = [*self._closed_days(dimension, closed_upto).items()]
        if open_from <= question.last:
            parts += self._stored(dimension, open_from, question.last).items()
        groups = [(REST if value == OTHER else decoded(value), group) for value, group in parts]
        key = EVERYTHING if dimension == TOTAL else dimension
        groups += [(value, Group.of(addition)) for value, addition in self._additions(key).items()]
        groups = [(None if dimension == TOTAL else value, group) for value, group in groups]
        if self.incomplete:
            groups.append((REST, Group(people=None)))
        values = merged_by(groups, lambda value: value)
        if question.first != question.last or self.incomplete:
            values |= {
                value: group._replace(number=None) for value, group in values.items() if group.number is not None
            }
        return values

    def by_day(self) -> dict[Any, Group]:
        stored, additions = self._stored_days, self._day_additions
        people = self._people(TOTAL, stored.keys() & additions.keys())
        return {
            day: _group(counts, stored.get(day), additions.get(day), people.get(day))
            for day, counts in self.days.items()
        }

    def grouped(self, key: str) -> dict[Any, Group]:
        """By periods of several days."""
        people = stored_queries.people(*self._here, TOTAL, self.question.first, self.question.last)
        additions = self._day_additions
        days = []
        for day, group in self.by_day().items():
            theirs = [people.get(day, BitMap())] + ([additions[day].people] if day in additions else [])
            is_known = day not in self.incomplete
            days.append((day, group._replace(people=union(theirs) if is_known else None, number=group.visitors)))
        return merged_by(days, lambda day: period_of(day, key))

    def by_hour(self, key: str) -> dict[Any, Group] | None:
        """By HOUR or WEEKDAY. None if the hours are those of another TIMEZONE."""
        clock, counted = self.moment.clock, self._hours
        if sum(visits for visits, _ in counted.values()) != sum(visits for visits, _ in self.days.values()):
            return None
        if key == WEEKDAY:
            hours = [((clock.local(hour_s)[:10], hour_s), Group(*counts)) for hour_s, counts in counted.items()]
            return merged_by(hours, lambda each: named(WEEKDAY, each, clock))
        stored, additions = self._stored_hours, self._hour_additions
        people = self._people(STORED_HOUR, stored.keys() & additions.keys())
        groups = {}
        for hour_s, counts in counted.items():
            at = hour(hour_s)
            groups[clock.local(hour_s)] = _group(counts, stored.get(at), additions.get(at), people.get(at))
        return groups

    def whole_hours(self, end_s: int) -> Group | None:
        """Of the hours of the day that begin before one; None if their sums lack something."""
        counted = {hour_s: counts for hour_s, counts in self._hours.items() if hour_s < end_s}
        visits, new = (sum(each[at] for each in counted.values()) for at in (0, 1))
        newer = [Group.of(addition) for at, addition in self._hour_additions.items() if at < hour(end_s)]
        stored = [row for at, row in self._stored_hours.items() if at < hour(end_s)]
        people = stored_queries.people(*self._here, STORED_HOUR, hour(self._hours_s[0]), hour(end_s - 1))
        sums = Group(sum(row.visits for row in stored), 0, sum(row.count for row in stored), union([*people.values()]))
        group = merged([sums, *newer])
        return group._replace(visits=visits, new=new) if group.visits == visits else None

    def part_of_hour(self, hour_s: int, until_ms: int) -> Group | None:
        """Of the visits of an hour of the day before a moment. None if some are not found by their time: the clock was
        put back.
        """
        session, scope = self._here
        after, upto = id_range(session, hour_s * 1000, (hour_s + HOUR_S) * 1000)
        which = {"after": after, "upto": upto, "hour_s": hour_s, "day": self.question.last, "scope": scope}
        rows = session.execute(VISITS_OF_HOUR, which).all()
        if len(rows) != self._hours.get(hour_s, Visited()).visits:
            return None
        visits = [row for row in rows if row.at_ms < until_ms]
        new, pages = sum(bool(row.is_new) for row in visits), sum(bool(row.has_page) for row in visits)
        return Group(len(visits), new, pages, BitMap([row.person for row in visits]))

    @cached_property
    def incomplete(self) -> frozenset[str]:
        """The days whose rows have fewer visits than the ledger: they were folded before there were sums."""
        counted = {day: row.visits for day, row in self._stored_days.items()}
        for day, addition in self._day_additions.items():
            counted[day] = counted.get(day, 0) + addition.visits
        return frozenset(day for day, (visits, _) in self.days.items() if counted.get(day, 0) != visits)

    @property
    def _here(self) -> tuple[Session, Scope]:
        return self.moment.session, self.question.scope

    @cached_property
    def days(self) -> dict[str, Visited]:
        return visits_by_day(*self._here, self.question.first, self.question.last)

    @cached_property
    def _hours(self) -> dict[int, Visited]:
        return visits_by_hour(*self._here, *self._hours_s)

    @cached_property
    def _stored_days(self) -> dict[str, stored_queries.Numbers]:
        return stored_queries.numbers(*self._here, TOTAL, self.question.first, self.question.last)

    @cached_property
    def _stored_hours(self) -> dict[str, stored_queries.Numbers]:
        return stored_queries.numbers(*self._here, STORED_HOUR, *map(hour, self._hours_s))

    @cached_property
    def _hours_s(self) -> tuple[int, int]:
        """The beginnings of the first and the last hour; the last one is the end less a second."""
        clock = self.moment.clock
        return clock.began_s(self.question.first), clock.began_s(shifted(self.question.last, 1)) - 1

    @cached_property
    def _day_additions(self) -> dict[str, Addition]:
        return self._additions(DAY)

    @cached_property
    def _hour_additions(self) -> dict[str, Addition]:
        return {hour(hour_s): addition for hour_s, addition in self._additions(HOUR).items()}

    def _closed_days(self, dimension: str, upto: str) -> dict[str, Group]:
        """The sums of the days up to `upto`, which is closed: nothing was added since without a trace in the state."""
        question = self.question
        if upto < question.first:
            return {}
        key, version = (question.scope, dimension, question.first, upto), (self.moment.state.changes, self.incomplete)
        stored = self.closed.get(key, version)
        if stored is None:
            groups = self._stored(dimension, question.first, upto)
            stored = list(groups.items())
            self.closed.store(key, version, stored, sum(_bytes(group.people) for group in groups.values()))
        return dict(stored)

    def _stored(self, dimension: str, first: str, last: str) -> dict[str, Group]:
        return stored_queries.groups(*self._here, dimension, first, last, self.incomplete)

    def _additions(self, key: str) -> dict[Any, Addition]:
        """Of visits that are not projected."""
        return self.moment.unprojected.by(self.question, key, _number)

    def _people(self, dimension: str, periods: Collection[str]) -> dict[str, People]:
        people: dict[str, People] = {}
        for each in periods:
            people |= stored_queries.people(*self._here, dimension, each, each)
        return people


def _number(visit: Parsed) -> int:
    """The number of a visitor in sums. One without gets that of the first visit, which may be below the watermark."""
    return visit.number or WITHOUT_NUMBER + visit.visitor


def _group(
    counts: Visited,
    row: stored_queries.Numbers | None,
    addition: Addition | None,
    people: People,
) -> Group:
    """Of one day or hour. `people` are those of the row, if there is an addition."""
    visits, new = counts
    if (row.visits if row else 0) + (addition.visits if addition else 0) != visits:
        return Group(visits, new, None, None)
    pages = (row.count if row else 0) + (addition.count if addition else 0)
    if addition is None:
        return Group(visits, new, pages, None, row.visitors if row else 0)
    if row is not None and people is None:
        return Group(visits, new, pages, None)
    return Group(visits, new, pages, addition.people | people if people is not None else addition.people)


def _bytes(people: People) -> int:
    """The approximate memory: a number takes 2 bytes, but 65,536 numbers close together not more than 8,192."""
    return 300 + (min(2 * len(people), people.max() // 8 + 8192) if people else 0)
