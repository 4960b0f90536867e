"""Reads and writes rows of `insight_sums`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.models import SITE, InsightSum
from koyjabo.reports.projection import bulk_queries
from koyjabo.reports.projection.additions import ALL, HOUR, OTHER, TOTAL, Additions, Key, hour
from koyjabo.reports.projection.people import is_rest, packed, unpacked

TABLE = "insight_sums"
KEY = ("scope", "dimension", "period", "value")
SUMS = ("visits", "new_visitors", "count", "visitors", "people")

Group = tuple[str, str, str]
"""(scope, dimension, period)"""


class Folded(NamedTuple):
    """Days before `day`, and hours before `hour` (its beginning, s), may be folded. Imported ones among them are not,
    until the next fold: their rows have people.
    """

    day: str = ""
    hour: str = ""

    @classmethod
    def before(cls, day: str, clock: Clock) -> Folded:
        return cls(day, hour(clock.began_s(day))) if day else cls()

    def has(self, key: Key) -> bool:
        return key[2] < (self.hour if key[1] == HOUR else self.day)


class Sum(NamedTuple):
    """A row without its key. `visitors` and `people` are None where they are unknown (`models.insights`)."""

    visits: int = 0
    new_visitors: int = 0
    count: int = 0  # type: ignore[assignment]
    visitors: int | None = 0
    people: BitMap | None = BitMap()


def merged(session: Session, added: Additions, folded: Folded) -> list[Sequence[Any]]:
    """The rows as they are after an addition. Where people are left out, visitors are not known any more, and a value
    without a row is added to OTHER, if this may have it.
    """
    return list(_Merge(session, added, folded).rows())


def write(session: Session, rows: Collection[Sequence[Any]]) -> None:
    """Insert or replace these rows. The caller has the lock of `state_queries`."""
    bulk_queries.insert(session, TABLE, (*KEY, *SUMS), rows, KEY)


def newest_day(session: Session) -> str:
    """The newest day with sums, "" without any. Answers about the days before it are kept until something changes."""
    wanted = select(func.max(InsightSum.period)).where(InsightSum.scope == SITE, InsightSum.dimension == TOTAL)
    return session.scalar(wanted) or ""


def whole(key: Key) -> Key:
    """The row that has all visits of the scope and period."""
    scope, dimension, period, _ = key
    return scope, dimension if dimension == HOUR else TOTAL, period, ALL


class _Merge:
    def __init__(self, session: Session, added: Additions, folded: Folded) -> None:
        self._added = added
        self._folded = folded
        self._stored: dict[Key, Any] = {}
        self._wholes: dict[Key, tuple[Sum, Sum]] = {}  # before and after
        self._read(session, added)
        self._left_out = self._read_left_out(session)
        for key in added:
            if whole(key) == key:
                before = self._before(key)
                self._wholes[key] = before, self._after(key, before)
        self._read(session, self._untouched_of_most(session))

    def rows(self) -> Iterator[Sequence[Any]]:
        for key in self._added.keys() | self._stored.keys():
            after = self._after(key, self._before(key))
            yield (*key, *after[:-1], self._packed(key, after))

    def _read(self, session: Session, keys: Collection[Key]) -> None:
        for row in bulk_queries.matching(session, TABLE, (*KEY, *SUMS), KEY, list(keys)) if keys else ():
            self._stored[tuple(row[:4])] = row[4:]

    def _read_left_out(self, session: Session) -> set[Group]:
        """Where people are left out, of groups that new values are added to."""
        new = [key for key in self._added if key not in self._stored and self._folded.has(key)]
        groups = {key[:3] for key in new}
        rows = bulk_queries.matching(session, TABLE, (*KEY, "people IS NULL"), KEY[:3], groups) if groups else []
        others = {tuple(row[:3]) for row in rows if row[3] == OTHER}
        self._read(session, [(*group, OTHER) for group in others])
        for key in new:
            if key[:3] in others:
                self._added[(*key[:3], OTHER)].plus(self._added.pop(key))
        return {tuple(row[:3]) for row in rows if row[4]}

    def _before(self, key: Key) -> Sum:
        row = self._stored.get(key)
        if row is None:
            return Sum(visitors=None, people=None) if key[:3] in self._left_out else Sum()
        stored = Sum._make(row)
        if stored.people is None:
            return stored
        packed_people = bytes(stored.people)
        everyone = self._wholes[whole(key)][0].people if is_rest(packed_people) else None
        return stored._replace(people=unpacked(packed_people, everyone))

    def _after(self, key: Key, before: Sum) -> Sum:
        if key not in self._added:
            return before
        addition = self._added[key]
        visits, new_visitors = before.visits + addition.visits, before.new_visitors + addition.new_visitors
        numbers = (visits, new_visitors, before.count + addition.count)
        if before.people is None:
            return Sum(*numbers, None, None)
        people = before.people | addition.people
        return Sum(*numbers, len(people), people)

    def _packed(self, key: Key, after: Sum) -> bytes | None:
        if after.people is None:
            return None
        all_of_them = self._wholes[whole(key)][1]
        has_most = whole(key) != key and 2 * after.visits > all_of_them.visits
        return packed(after.people, all_of_them.people if has_most else None)

    def _untouched_of_most(self, session: Session) -> list[Key]:
        """Keys of rows that are not added to, and have most visits of a whole that is."""
        touched: defaultdict[Group, int] = defaultdict(int)
        for key in self._added:
            touched[key[:3]] += self._stored[key][0] if key in self._stored else 0
        groups = [
            (scope, dimension, period)
            for (scope, dimension, period), visits in touched.items()
            if dimension not in (TOTAL, HOUR) and 2 * visits < self._visits(scope, period)
        ]
        rows = bulk_queries.matching(session, TABLE, (*KEY, "visits"), KEY[:3], groups) if groups else []
        keys = [tuple(row[:4]) for row in rows if 2 * row[4] > self._visits(row[0], row[2])]
        return [key for key in keys if key not in self._added]

    def _visits(self, scope: str, period: str) -> int:
        """All visits of a scope and a day before the addition."""
        return self._wholes[scope, TOTAL, period, ALL][0].visits
