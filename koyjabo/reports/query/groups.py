"""Groups of visits, and the keys that reports group visits by. All sources return groups in the same form, so that a
report does not depend on where its figures come from.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field
from pyroaring import BitMap

from .report_query import GRANULARITIES

EVERYTHING, LENGTHS = "everything", "lengths"
"""Keys other than GRANULARITIES and the visit dimensions: all visits together, and the lengths of measured visits."""

PERIODS = (EVERYTHING, *GRANULARITIES)
"""Keys whose groups have `pages`."""

VALUE = "value"
"""A key for events, like DAY and HOUR."""

REST = ("rest",)
"""The value for visits whose own values were merged when their day was rolled up."""

People = BitMap | None
"""Ids of visitors, or None if visitors cannot be distinguished."""


Attended = tuple[int, int]
"""(number of attended visits, their total length in ms)"""


Number = int | None
AttendedVisits = Annotated[Number, Field(description="visits whose page was visible for 1 s or more")]
Counted = Annotated[Number, Field(default=None, description="page views or events, for dimensions that count them")]
AttendedS = Annotated[Number, Field(description="their time in s")]


class Sums(NamedTuple):
    """Sums of visits. OpenAPI shows the descriptions."""

    visits: Number
    visitors: Number
    new_visitors: Number
    count: Counted = None  # type: ignore[assignment]
    attended: AttendedVisits = None
    attended_s: AttendedS = None

    def as_json(self, is_counted: bool) -> dict[str, Number]:
        """Return the numbers, with `count` only for dimensions that count page views or events."""
        return {name: number for name, number in self._asdict().items() if name != "count" or is_counted}


class Group(NamedTuple):
    """A group's figures; None means unknown. `number` is the number of distinct visitors on a rolled-up day, whose
    `people` are no longer known.
    """

    visits: int | None = 0
    new: int | None = 0
    pages: int | None = 0  # visits with a page, for the keys in PERIODS
    people: People = BitMap()
    number: int | None = None
    attended: int | None = 0
    attended_ms: int | None = 0

    @classmethod
    def with_visits(cls, visits: int | None) -> Self:
        """Return a group with this number of visits and all other figures unknown."""
        return cls(visits, None, None, None, None, None, None)

    @property
    def known(self) -> tuple[int | None, ...]:
        return self.visits, self.new, self.pages, self.attended, self.attended_ms

    @property
    def visitors(self) -> int | None:
        return self.number if self.people is None else len(self.people)

    @property
    def sums(self) -> Sums:
        return Sums(self.visits, self.visitors, self.new, None, self.attended, seconds(self.attended_ms))


NO_VISITS = Group()
Groups = Mapping[Any, Group]
"""Groups by period or value, or by None for everything."""


class VisitSet(NamedTuple):
    """Ids of visits, ids of first visits, and visitors."""

    all: BitMap
    new: BitMap
    people: BitMap

    @classmethod
    def union(cls, sets: "Iterable[VisitSet]" = ()) -> "VisitSet":
        """Return a new set."""
        union = cls(BitMap(), BitMap(), BitMap())
        for visits in sets:
            for own, others in zip(union, visits, strict=True):
                own |= others
        return union

    def group(self, attended: Attended) -> Group:
        return Group(len(self.all), len(self.new), 0, self.people, None, *attended)


def merged(groups: Collection[Group]) -> Group:
    """Return the sum of all groups. A figure is None if any group lacks it."""
    if len(groups) <= 1:
        return next(iter(groups), NO_VISITS)
    visits, new, pages, *attended = (total(numbers) for numbers in zip(*(group.known for group in groups), strict=True))
    return Group(visits, new, pages, union([group.people for group in groups]), None, *attended)


def merged_by(groups: Iterable[tuple[Any, Group]], name: Callable[[Any], Hashable] = lambda key: key) -> Groups:
    """Merge groups that have the same name."""
    by_name: defaultdict[Any, list[Group]] = defaultdict(list)
    for key, group in groups:
        by_name[name(key)].append(group)
    return {label: merged(parts) for label, parts in by_name.items()}


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum, or None if a number is unknown."""
    result = 0
    for number in numbers:
        if number is None:
            return None
        result += number
    return result


def seconds(length_ms: int | None) -> int | None:
    return None if length_ms is None else length_ms // 1000


def minus(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else whole - part


def union(people: list[People]) -> People:
    known = [person for person in people if person is not None]
    if len(known) < len(people):
        return None
    return known[0] if len(known) == 1 else BitMap.union(*known) if known else BitMap()
