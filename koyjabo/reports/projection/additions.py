"""What some visits add to `insight_sums`. Pure: the projection, reports and recounts share it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from pyroaring import BitMap

from koyjabo.models import SITE, Scope
from koyjabo.reports.projection.trait_parser import ParsedTraits
from koyjabo.reports.query.dimensions import NEW, RETURNING, TRAITS
from koyjabo.reports.query.report_query import Value

TOTAL, HOUR = "total", "hour"
"""Dimensions with one value, ALL: by day and by hour. They count the visits that name a page."""

ALL = ""
MARK = "~"
NONE = MARK
OTHER = "~other"
"""The values of a folded day that are not among its largest."""


def encoded(value: Value) -> str:
    if value is None:
        return NONE
    return MARK + value if value.startswith(MARK) else value


def decoded(text: str) -> Value:
    """The opposite of `encoded`; OTHER is none of its results."""
    if text == NONE:
        return None
    return text.removeprefix(MARK)


def hour(hour_s: int) -> str:
    """The period of an hour: texts compare as their numbers."""
    return f"{hour_s:010}"


Key = tuple[str, str, str, str]
"""(scope, dimension, period, value); the value as `encoded` writes it"""


class Counted(NamedTuple):
    """A visit as one scope counts it."""

    scope: Scope
    day: str
    hour_s: int
    person: int  # a number for the visitor
    is_new: bool  # their first visit in the scope
    traits: ParsedTraits
    page: str | None
    referrer: str | None
    community: str | None


class Addition:
    """Visits, new visitors, which people made them, and page views, where the dimension counts these."""

    __slots__ = ("count", "new_visitors", "people", "visits")

    def __init__(self) -> None:
        self.visits = self.new_visitors = self.count = 0
        self.people = BitMap()

    def add(self, visits: int, new_visitors: int, people: Iterable[int], count: int = 0) -> None:
        self.visits += visits
        self.new_visitors += new_visitors
        self.count += count
        self.people.update(people)

    def plus(self, other: Addition) -> None:
        self.add(other.visits, other.new_visitors, other.people, other.count)


class Additions(dict[Key, Addition]):
    """By key."""

    def add(self, counted: Iterable[Counted]) -> None:
        visits = sorted(counted, key=BY_DAY)
        for (scope, day), group in groupby(visits, key=BY_DAY):
            self._add_day(scope, day, list(group))

    def _add_day(self, scope: Scope, day: str, visits: list[Counted]) -> None:
        people, are_new = [visit.person for visit in visits], [visit.is_new for visit in visits]
        has_page = [visit.page is not None for visit in visits]
        hours = [hour(visit.hour_s) for visit in visits]
        for hour_s, sums in grouped(hours, people, are_new, has_page):
            self[scope, HOUR, hour_s, ALL].add(*sums)
        self[scope, TOTAL, day, ALL].add(len(visits), sum(are_new), people, sum(has_page))
        for dimension, values in _columns(scope, visits):
            for value, sums in grouped(values, people, are_new, ()):
                self[scope, dimension, day, NONE if value is None else encoded(value)].add(*sums)

    def __missing__(self, key: Key) -> Addition:
        self[key] = added = Addition()
        return added


BY_DAY = itemgetter(0, 1)


def _columns(scope: Scope, visits: list[Counted]) -> Iterator[tuple[str, Sequence[str | None]]]:
    """The values of all visits, by dimension."""
    yield "page", [visit.page for visit in visits]
    yield "referrer", [visit.referrer for visit in visits]
    yield "visitor_kind", [NEW if visit.is_new else RETURNING for visit in visits]
    if scope == SITE:
        yield "community", [visit.community for visit in visits]
    traits = [visit.traits for visit in visits]
    yield from zip(TRAITS, zip(*traits, strict=True), strict=True)


def grouped(
    values: Sequence[Any], people: list[int], are_new: Sequence[int], are_counted: Sequence[int]
) -> Iterator[tuple[Any, tuple[int, int, list[int], int]]]:
    """Visits, new visitors, people and count of each value. A loop over visits would take twice as long."""
    if len(set(values)) == 1:
        yield values[0], (len(values), sum(are_new), people, sum(are_counted))
        return
    by_value: defaultdict[Any, list[int]] = defaultdict(list)
    for value, person in zip(values, people, strict=True):
        by_value[value].append(person)
    new, counts = Counter(compress(values, are_new)), Counter(compress(values, are_counted))
    for value, each in by_value.items():
        yield value, (len(each), new[value], each, counts[value])
