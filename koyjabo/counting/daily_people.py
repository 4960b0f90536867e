"""Decide what it adds that somebody was in a community at some hour. Pure: visits, sockets and conversions share it.

A person is `u:` and the id of a user, or `v:` and the id of a visitor who is none that we know of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from koyjabo.clock import Clock
from koyjabo.models import Scope

SLOT_S = 1800
"""Hours are counted in halves of one: local hours may begin half an hour apart, where clocks change by as much."""

SLOTS = 63
"""What a signed number of 64 bits has room for: 31 hours and a half. No day is that long unless TIMEZONE changes."""

Asked = tuple[Scope, str, str]
"""(scope, person, day)"""

Day = tuple[int, int]
"""(began_s, slots): a row of `person_days`"""

Sums = list[int]
"""[authenticated, anonymous]: what is to be added, and may be below nothing"""

At = TypeVar("At")


def user(user_id: str) -> str:
    return f"u:{user_id}"


def visitor(visitor_id: str) -> str:
    return f"v:{visitor_id}"


class Seen(NamedTuple):
    """What the database holds about somebody and a day, read under the lock of the counter row."""

    scope: Scope
    person: str
    last_day: str
    day: str
    began_s: int | None  # None, and the next too, when they were not there on that day
    slots: int | None
    earlier: str | None  # their days next to that day, when it is a new one and not their newest
    later: str | None


class Whereabouts:
    """The rows that change, and what the rollups change by. `seen` has a row for each person and day asked for."""

    def __init__(self, seen: Iterable[Seen], clock: Clock) -> None:
        self._clock = clock
        self._days: dict[tuple[Scope, str], set[str]] = {}  # of each person: those next to the days asked for
        self._slots: dict[Asked, Day] = {}
        self.last_days: dict[tuple[Scope, str], str] = {}
        self.days: dict[Asked, Day] = {}
        self.returns: dict[tuple[Scope, str, str], Sums] = {}
        self.hours: dict[tuple[Scope, int], Sums] = {}
        for row in seen:
            self._take(row)

    def _take(self, row: Seen) -> None:
        days = self._days.setdefault((row.scope, row.person), set())
        days.update(day for day in (row.last_day, row.earlier, row.later) if day is not None)
        if row.began_s is not None and row.slots is not None:
            days.add(row.day)
            self._slots[row.scope, row.person, row.day] = (row.began_s, row.slots)

    def note(self, scope: Scope, person: str, day: str, hour_s: int) -> None:
        """They were there in that hour of that day. What is known already changes nothing."""
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
        """A new day of theirs, which may come before others: the clock was put back, or one turned out to be two."""
        days = self._days.setdefault((scope, person), set())
        previous = max((each for each in days if each < day), default="")
        following = min((each for each in days if each > day), default=None)
        _add(self.returns, (scope, day, previous), person, 1)
        if following is None:
            self.last_days[scope, person] = day
        else:
            _add(self.returns, (scope, following, previous), person, -1)
            _add(self.returns, (scope, following, day), person, 1)
        days.add(day)

    def unite(self, scope: Scope, one: str, other: str, ones: Mapping[str, Day], others: Mapping[str, Day]) -> None:
        """`one`, who came on the days `ones`, is `other`, who came on `others`: from now on there is only `other`."""
        united = {**ones, **others, **{day: _united(others[day], ones[day]) for day in ones.keys() & others.keys()}}
        for person, days, by in ((one, ones, -1), (other, others, -1), (other, united, 1)):
            self._count(scope, person, days, by)
        self.last_days[scope, other] = max(united)
        self.days |= {(scope, other, day): row for day, row in united.items() if row != others.get(day)}

    def _count(self, scope: Scope, person: str, days: Mapping[str, Day], by: int) -> None:
        previous = ""
        for day in sorted(days):
            _add(self.returns, (scope, day, previous), person, by)
            for hour_s in hours_of(*days[day]):
                _add(self.hours, (scope, hour_s), person, by)
            previous = day

    def tables(self) -> tuple[list[tuple], list[tuple], list[tuple], list[tuple]]:
        """Rows of people, person_days, returns and hourly_people: the first two as they are to be, then differences."""
        people = [(*person, day) for person, day in self.last_days.items()]
        days = [(*at, *row) for at, row in self.days.items()]
        return people, days, _rows(self.returns), _rows(self.hours)


def slot_of(began_s: int, hour_s: int) -> int:
    """The bit of an hour. Those of a day that TIMEZONE has made longer than there are bits share the last one."""
    return min(max((hour_s - began_s) // SLOT_S, 0), SLOTS - 1)


def hours_of(began_s: int, slots: int) -> Iterator[int]:
    """The beginnings of the hours whose bits are set, seconds since 1970-01-01 UTC."""
    while slots:
        lowest = slots & -slots
        yield began_s + (lowest.bit_length() - 1) * SLOT_S
        slots ^= lowest


def _united(day: Day, other: Day) -> Day:
    """The hours of both, counted from where `day` begins."""
    began_s, slots = day
    for hour_s in hours_of(*other):
        slots |= 1 << slot_of(began_s, hour_s)
    return began_s, slots


def _add(sums: dict[At, Sums], at: At, person: str, by: int) -> None:
    sums.setdefault(at, [0, 0])[0 if person.startswith("u:") else 1] += by


def _rows(sums: Mapping[tuple, Sums]) -> list[tuple]:
    return [(*at, *by) for at, by in sums.items() if any(by)]
