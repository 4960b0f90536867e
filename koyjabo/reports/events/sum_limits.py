"""Limits how many names of events, properties and values the sums of a day have. Pure: a store looks up what is stored.

A day's names and properties are never removed while it lasts, and a value that was added to OTHER stays there: so each
value either has all of its events, or is in OTHER with all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.reports.events import records
from koyjabo.reports.events.event_plan import EVENT, PROPERTIES, PROPERTY, REST, EventPlan, SumKey
from koyjabo.reports.events.records import PAGEVIEW
from koyjabo.reports.projection.additions import OTHER

MOST_NAMES, MOST_PROPERTIES, MOST_VALUES = 200, 1_000, 1_000
"""Of events, of all events together, and of each property, by scope and day. Pages have no limit before they are
folded: the budget by address bounds them.
"""

MOST_REMEMBERED = 50_000
"""Sums that a worker knows to be stored, 4 MB."""

Group = tuple[str, str, str]
"""(scope, dimension, period)"""


class Stored(NamedTuple):
    """What the database has of some sums and groups."""

    keys: set[SumKey]
    sizes: dict[Group, int]  # how many values groups have, at most MOST_VALUES

    @classmethod
    def of(cls, groups: list[Group], keys: list[list[str]], sizes: list[int]) -> Stored:
        present: set[Any] = set(map(tuple, keys))
        return cls(present, dict(zip(groups, sizes, strict=True)))


LookUp = Callable[[list[SumKey], list[Group]], Stored]
"""Looks up which sums are stored, and the sizes of groups. Called under the lock of the writers of
events, and only for sums that are not remembered.
"""


class KnownSums:
    """Sums that are stored, for one thread. Erasures and folds remove some, and then move the number of changes."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._changes = 0

    def at(self, changes: int) -> KnownSums:
        if changes != self._changes or len(self._hashes) > MOST_REMEMBERED:
            self._hashes, self._changes = set(), changes
        return self

    def __contains__(self, key: SumKey) -> bool:
        return hash(key) in self._hashes

    def add(self, *keys: SumKey) -> None:
        """Once they are committed."""
        self._hashes.update(map(hash, keys))


def limit(made: EventPlan, known: KnownSums, look_up: LookUp) -> None:
    """Let values beyond the limits add to OTHER, and add what new sums take to the bytes of their requests."""
    unknown = [key for key in made.sums if key not in known]
    if unknown:
        _Limits(made, known, unknown, look_up).apply()


def _most(dimension: str) -> int | None:
    if dimension.startswith(PROPERTIES):
        return MOST_VALUES
    return {EVENT: MOST_NAMES, PROPERTY: MOST_PROPERTIES}.get(dimension)


def _pair(key: SumKey) -> SumKey | None:
    """The sum that names the property of a value."""
    scope, dimension, period, _ = key
    return (scope, PROPERTY, period, dimension.removeprefix(PROPERTIES)) if dimension.startswith(PROPERTIES) else None


def _other(group: Group) -> SumKey:
    return (*group, OTHER)


class _Limits:
    def __init__(self, made: EventPlan, known: KnownSums, unknown: list[SumKey], look_up: LookUp) -> None:
        self._made = made
        self._known = known
        pairs = {pair for key in unknown if (pair := _pair(key)) and pair not in known}
        groups = {key[:3] for key in (*unknown, *pairs)}
        limits = {group: most for group in groups if (most := _most(group[1])) and _other(group) not in known}
        asked = {*unknown, *pairs, *map(_other, limits)}
        self._stored, sizes = look_up(sorted(asked), sorted(limits))
        self._first = {key: place for place, keys in reversed(list(enumerate(made.added))) for key in keys}
        self._room = {each: 0 if _other(each) in self._stored else most - sizes[each] for each, most in limits.items()}

    def apply(self) -> None:
        """Names come before their properties, as they were counted."""
        sums, self._made.sums = self._made.sums, Counter()
        for key, count in sums.items():
            self._made.sums[self._place(key)] += count

    def _place(self, key: SumKey) -> SumKey:
        """The sum to which events with a value add."""
        if self._has(key):
            return key
        pair = _pair(key)
        if pair and not self._has(pair):
            if not (self._is_named(pair) and self._add(pair, key)):
                return key[0], REST, key[2], OTHER
            self._made.sums[pair] += 1
        return key if self._add(key, key) else _other(key[:3])

    def _is_named(self, pair: SumKey) -> bool:
        """Whether the day names the event of a property."""
        scope, _, period, names = pair
        name = names.partition(":")[0]
        return name == PAGEVIEW or self._has((scope, EVENT, period, name))

    def _has(self, key: SumKey) -> bool:
        return key in self._known or key in self._stored

    def _add(self, key: SumKey, cause: SumKey) -> bool:
        """Let a new sum be stored if its group has room; the first request with `cause` is charged."""
        group = key[:3]
        if _most(key[1]) is not None:
            if self._room.get(group, 0) <= 0:
                return False
            self._room[group] -= 1
        self._stored.add(key)
        self._made.grown[self._first[cause]] += records.of_sum(key)
        return True
