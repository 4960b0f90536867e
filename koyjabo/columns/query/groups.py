"""Groups of visits, and the keys that reports group visits by."""

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import Field
from pyroaring import BitMap

from .periods import PERIOD_KEYS

EVERYTHING, LENGTHS, PRESENT = "everything", "lengths", "present"
"""Keys other than PERIOD_KEYS and the visit dimensions: all visits together, the lengths of measured visits, and the
dimensions that visits have a value of.
"""

WEEKDAY_AND_HOUR = "weekday and hour"
"""A key whose names are pairs of a weekday and an hour."""

PERIODS = (EVERYTHING, *PERIOD_KEYS.values())
"""Keys whose groups have `pages`."""

VALUE = "value"
"""A key for events, like DAY and HOUR."""

Attended = tuple[int, int]
"""(number of attended visits, their total length in ms)"""

AttendedVisits = Annotated[int, Field(description="visits whose page was visible for 1 s or more")]
Counted = Annotated[int | None, Field(default=None, description="page views or events, for dimensions that count them")]
AttendedS = Annotated[int, Field(description="their time in s")]

Groups: TypeAlias = "Mapping[Any, Group]"
"""Groups by period or value, or by None for everything."""


class Sums(NamedTuple):
    """Sums of visits. OpenAPI shows the descriptions."""

    visits: int
    visitors: int
    new_visitors: int
    count: Counted = None  # type: ignore[assignment]
    attended: AttendedVisits = 0
    attended_s: AttendedS = 0

    def as_json(self, is_counted: bool) -> dict[str, int | None]:
        """Return the numbers, with `count` only for dimensions that count page views or events."""
        return {name: number for name, number in self._asdict().items() if name != "count" or is_counted}


class Group(NamedTuple):
    """A group's figures. `people` are the ids of its visitors."""

    visits: int = 0
    new: int = 0
    pages: int = 0  # visits with a page, for the keys in PERIODS
    people: BitMap = BitMap()
    attended: int = 0
    attended_ms: int = 0

    @property
    def sums(self) -> Sums:
        return Sums(self.visits, len(self.people), self.new, None, self.attended, self.attended_ms // 1000)


NO_VISITS = Group()


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
        return Group(len(self.all), len(self.new), 0, self.people, *attended)


def merged(groups: Collection[Group]) -> Group:
    """Return the sum of all groups."""
    return Group(
        visits=sum(group.visits for group in groups),
        new=sum(group.new for group in groups),
        pages=sum(group.pages for group in groups),
        people=BitMap().union(*(group.people for group in groups)),
        attended=sum(group.attended for group in groups),
        attended_ms=sum(group.attended_ms for group in groups),
    )
