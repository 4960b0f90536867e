"""Plans how the database changes when a person is present in a community during an hour. Does no I/O. Shared by visits,
sockets and conversions.

A person is `u:` plus a user id, or `v:` plus the id of a visitor who is not known to be a user.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope

SLOT_S = 1800
"""Length of a slot, s: half an hour, because some clock changes shift local hours by that much."""

MAX_DAY_SLOTS = 63
"""Maximum number of slots in a day: the bits of a signed 64-bit number, which cover 31.5 hours. A day is only longer if
TIMEZONE changes.
"""

PersonDay = tuple[Scope, str, str]
"""(scope, person, day)"""

Day = tuple[int, int]
"""(began_s, slots) of a row in `person_days`"""

Row = tuple[Any, ...]

Sums = list[int]
"""[authenticated, anonymous] numbers to add; may be negative"""

At = TypeVar("At")


def user(user_id: str) -> str:
    return f"u:{user_id}"


def visitor(visitor_id: str) -> str:
    return f"v:{visitor_id}"


class StoredDay(NamedTuple):
    """The stored row for a person and a day, read while the counter row is locked."""

    scope: Scope
    person: str
    last_day: str
    day: str
    began_s: int | None  # like `slots`, None if the person was absent on that day
    slots: int | None
    earlier: str | None  # the person's neighbouring days, if `day` is new and not their latest
    later: str | None


class DailyPeople:
    """The rows to change, and the differences to add to the sums. `seen` has a row for each person and day that was
    looked up.
    """

    def __init__(self, seen: Iterable[StoredDay], clock: Clock) -> None:
        self._clock = clock
        self._days: dict[tuple[Scope, str], set[str]] = {}  # by person: stored days next to the requested
        self._slots: dict[PersonDay, Day] = {}
        self.last_days: dict[tuple[Scope, str], str] = {}
        self.days: dict[PersonDay, Day] = {}
        self.returns: dict[tuple[Scope, str, str], Sums] = {}
        self.hours: dict[tuple[Scope, int], Sums] = {}
        for row in seen:
            days = self._days.setdefault((row.scope, row.person), set())
            days.update(day for day in (row.last_day, row.earlier, row.later) if day is not None)
            if row.began_s is not None and row.slots is not None:
                days.add(row.day)
                self._slots[row.scope, row.person, row.day] = (row.began_s, row.slots)

    def record(self, scope: Scope, person: str, day: str, hour_s: int) -> None:
        """Record that a person was present in an hour of a day. Idempotent."""
        at = (scope, person, day)
        began_s, slots = self._slots.get(at) or (self._clock.began_s(day), 0)
        slot = slot_of(began_s, hour_s)
        if slots >> slot & 1:
            return
        if not slots:
            self._begin(scope, person, day)
        self._slots[at] = self.days[at] = (began_s, slots | 1 << slot)
        _add(self.hours, (scope, began_s + slot * SLOT_S), person, 1)

    def _begin(self, scope: Scope, person: str, day: str) -> None:
        """Add a new day for a person. Later days may already exist if the clock was set back or two people were
        merged.
        """
        days = self._days.setdefault((scope, person), set())
        previous = max((other_day for other_day in days if other_day < day), default="")
        following = min((other_day for other_day in days if other_day > day), default=None)
        _add(self.returns, (scope, day, previous), person, 1)
        if following is None:
            self.last_days[scope, person] = day
        else:
            _add(self.returns, (scope, following, previous), person, -1)
            _add(self.returns, (scope, following, day), person, 1)
        days.add(day)

    def merge(self, scope: Scope, one: str, other: str, ones: Mapping[str, Day], others: Mapping[str, Day]) -> None:
        """Merge person `one`, with the days `ones`, into person `other`, with the days `others`."""
        merged = {**ones, **others, **{day: _merged(others[day], ones[day]) for day in ones.keys() & others.keys()}}
        for person, days, by in ((one, ones, -1), (other, others, -1), (other, merged, 1)):
            self._count(scope, person, days, by)
        self.last_days[scope, other] = max(merged)
        self.days |= {(scope, other, day): row for day, row in merged.items() if row != others.get(day)}

    def replace(self, scope: Scope, person: str, days: Mapping[str, Day], others: Mapping[str, Day]) -> None:
        """Replace all days of a person. Rows of days that are not in `others` have to be removed."""
        self._count(scope, person, days, -1)
        self._count(scope, person, others, 1)
        self.last_days[scope, person] = max(others)
        self.days |= {(scope, person, day): row for day, row in others.items() if row != days.get(day)}

    def _count(self, scope: Scope, person: str, days: Mapping[str, Day], by: int) -> None:
        previous = ""
        for day in sorted(days):
            _add(self.returns, (scope, day, previous), person, by)
            for hour_s in hours_of(*days[day]):
                _add(self.hours, (scope, hour_s), person, by)
            previous = day

    def tables(self) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
        """The rows of people, person_days, returns and hourly_people: new values for the first two tables, differences
        for the other two.
        """
        people: list[Row] = [(*person, day) for person, day in self.last_days.items()]
        days: list[Row] = [(*at, *row) for at, row in self.days.items()]
        return people, days, _rows(self.returns), _rows(self.hours)


def slot_of(began_s: int, hour_s: int) -> int:
    """The slot of an hour. In a day with more than SLOTS slots, the remaining hours share the last slot."""
    return min(max((hour_s - began_s) // SLOT_S, 0), MAX_DAY_SLOTS - 1)


def hours_of(began_s: int, slots: int) -> Iterator[int]:
    """Start times of the hours in these slots, s since 1970-01-01 UTC."""
    while slots:
        lowest = slots & -slots
        yield began_s + (lowest.bit_length() - 1) * SLOT_S
        slots ^= lowest


def _merged(day: Day, other: Day) -> Day:
    """The hours of both days, as slots since the start of `day`."""
    began_s, slots = day
    for hour_s in hours_of(*other):
        slots |= 1 << slot_of(began_s, hour_s)
    return began_s, slots


def _add(sums: dict[At, Sums], at: At, person: str, by: int) -> None:
    sums.setdefault(at, [0, 0])[0 if person.startswith("u:") else 1] += by


def _rows(sums: Mapping[Any, Sums]) -> list[Row]:
    return [(*at, *by) for at, by in sums.items() if any(by)]
