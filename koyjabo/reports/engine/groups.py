"""Visits that have a key in common, and the keys by which reports group them.

Every source has them in the same shape, by key, so that an answer does not depend on where its figures come from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from pyroaring import BitMap

from koyjabo.core.clock import Clock
from koyjabo.models import SITE, Scope
from koyjabo.reports.engine.answers import Sums
from koyjabo.reports.projection.additions import Addition
from koyjabo.reports.projection.reading_queries import Parsed
from koyjabo.reports.query.dimensions import NEW, RETURNING
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.periods import DAY, GRANULARITIES, HOUR, MONTH, WEEK, period_of

EVERYTHING, WEEKDAY = "everything", "weekday"
"""Keys beside GRANULARITIES and the dimensions of visits: all visits together, and (weekday from 0, hour)."""

PERIODS = (EVERYTHING, *GRANULARITIES)
"""The keys whose groups have `pages`."""

VISITOR_KIND = "visitor_kind"

REST = ("rest",)
"""In place of a value: visits of folded days whose values were merged."""

People = BitMap | None
"""Numbers of visitors; None if they cannot be told apart."""


class Group(NamedTuple):
    """What is None is not known. `number` is that of the different visitors of one folded day, whose `people` are not
    known any more.
    """

    visits: int | None = 0
    new: int | None = 0
    pages: int | None = 0  # visits that name a page, by the keys PERIODS
    people: People = BitMap()
    number: int | None = None

    @classmethod
    def of(cls, addition: Addition) -> Group:
        return cls(addition.visits, addition.new_visitors, addition.count, addition.people)

    @property
    def known(self) -> tuple[int | None, int | None, int | None]:
        return self.visits, self.new, self.pages

    @property
    def visitors(self) -> int | None:
        return self.number if self.people is None else len(self.people)

    @property
    def sums(self) -> Sums:
        return Sums(self.visits, self.visitors, self.new)


NO_VISITS = Group()
Groups = Mapping[Any, Group]
"""By period, value, (weekday, hour), or None for everything."""


def merged(groups: Collection[Group]) -> Group:
    """All together. What is not known of one is not known of all."""
    if len(groups) <= 1:
        return next(iter(groups), NO_VISITS)
    visits, new, pages = (total(numbers) for numbers in zip(*(group.known for group in groups), strict=True))
    return Group(visits, new, pages, union([group.people for group in groups]))


def merged_by(groups: Iterable[tuple[Any, Group]], name: Callable[[Any], Hashable]) -> dict[Any, Group]:
    """Those that have the same name together."""
    by_name: defaultdict[Any, list[Group]] = defaultdict(list)
    for key, group in groups:
        by_name[name(key)].append(group)
    return {each: merged(parts) for each, parts in by_name.items()}


def total(numbers: Iterable[int | None]) -> int | None:
    """The sum; None if one is not known."""
    result = 0
    for each in numbers:
        if each is None:
            return None
        result += each
    return result


def minus(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else whole - part


def union(people: list[People]) -> People:
    known = [each for each in people if each is not None]
    if len(known) < len(people):
        return None
    return known[0] if len(known) == 1 else BitMap.union(*known) if known else BitMap()


def unnamed(visit: Parsed, key: str, scope: Scope) -> Any:
    """What `named` makes a name of: a day, the beginning of an hour in s, both, or a value."""
    if key == EVERYTHING:
        return None
    if key in (DAY, WEEK, MONTH):
        return visit.day
    if key == HOUR:
        return visit.hour_s
    if key == WEEKDAY:
        return visit.day, visit.hour_s
    return visit_value(visit, key, scope)


def visit_value(visit: Parsed, dimension: str, scope: Scope) -> str | None:
    """A value of a dimension of visits."""
    if dimension == VISITOR_KIND:
        return NEW if visit.is_new(scope) else RETURNING
    if dimension == COMMUNITY:
        return None if visit.scope == SITE else visit.scope
    value: str | None = getattr(visit if dimension in ("page", "referrer") else visit.traits, dimension)
    return value


def named(key: str, unnamed: Any, clock: Clock) -> Any:
    if key in (DAY, WEEK, MONTH):
        return period_of(unnamed, key)
    if key == HOUR:
        return clock.local(unnamed)
    if key == WEEKDAY:
        day, hour_s = unnamed
        return date.fromisoformat(day).weekday(), int(clock.local(hour_s)[11:13])
    return unnamed
