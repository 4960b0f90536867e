"""Counts visits and visitors by name: of a period, of a value, or of everything."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

from pyroaring import BitMap

from koyjabo.base.core.clock import Clock
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import Changes
from koyjabo.columns.query.groups import PERIODS, WEEKDAY_AND_HOUR, Group
from koyjabo.columns.query.periods import MINUTE, PERIOD_KEYS
from koyjabo.counting.evidence.facts import ARE_ATTENDED
from .row_names import are_new, minutes_of, names_of, weekdays_and_hours

NAME_SIZE, CONTAINER, CONTAINER_SIZE = 500, 65_536, 8_192
"""Bytes that a name takes, and the maximum bytes of a bitmap per CONTAINER numbers."""


class VisitCounts:
    """Visits, first visits, visits with a page, and visitors, by name."""

    def __init__(self, key: str, clock: Clock, scope: str) -> None:
        self._key, self._clock, self._are_new = key, clock, are_new(scope)
        self._visits, self._new, self._pages = Counter[Any](), Counter[Any](), Counter[Any]()
        self._attended, self._attended_ms = Counter[Any](), Counter[Any]()
        self._people: defaultdict[Any, BitMap] = defaultdict(BitMap)
        self.groups: dict[Any, Group] = {}
        """Caches groups, because a visit changes the numbers of only a few names."""
        self.size = 0
        """An upper estimate of memory use, in bytes."""

    def _names(self, rows: Rows) -> tuple[Sequence[int], Sequence[Any]]:
        """Return the number of each row's name, and the names. Several numbers may mean the same name."""
        if self._key == PERIOD_KEYS[MINUTE]:
            numbers, minutes = minutes_of(rows)
            return numbers, list(map(self._clock.local, minutes))
        if self._key == WEEKDAY_AND_HOUR:
            return weekdays_and_hours(rows, self._clock)
        column, names = names_of(rows.block, self._key, self._clock)
        return rows.column(column), names

    def add(self, rows: Rows) -> None:
        numbers, names = self._names(rows)
        changed = set()
        for number, visitors in _by_number(numbers, rows.column("visitor"), names):
            name = names[number]
            before = self._visits[name]
            self._visits[name] += len(visitors)
            self.size += _size(self._visits[name], rows) - (before and _size(before, rows))
            self._people[name].update(visitors)
            changed.add(name)
        _count(self._new, numbers, map(self._are_new.__getitem__, rows.column("new_in")), names)
        if self._key in PERIODS:
            have_pages = [page is not None for page in rows.block.values["page"]]
            _count(self._pages, numbers, map(have_pages.__getitem__, rows.column("page")), names)
        _count(self._attended, numbers, map(ARE_ATTENDED.__getitem__, rows.column("facts")), names)
        lengths = rows.column("attended_ms")
        for number, length_ms in zip(compress(numbers, lengths), filter(None, lengths), strict=True):
            self._attended_ms[names[number]] += length_ms
        for name in changed:
            self._group(name)

    def adjust(self, rows: Rows, before: Changes) -> None:
        """Apply changes in attended times. `before` has the earlier times."""
        now = zip(rows.column("id"), rows.column("attended_ms"), rows.column("facts"), strict=True)
        numbers, names = self._names(rows)
        values = list(map(names.__getitem__, numbers))
        for name, (id, length_ms, facts) in zip(values, now, strict=True):
            length_before_ms, facts_before = before[id]
            self._attended[name] += ARE_ATTENDED[facts] - ARE_ATTENDED[facts_before]
            self._attended_ms[name] += length_ms - length_before_ms
        for name in set(values):
            self._group(name)

    def _group(self, name: Any) -> None:
        self.groups[name] = Group(
            visits=self._visits[name],
            new=self._new[name],
            pages=self._pages[name],
            people=self._people[name],
            attended=self._attended[name],
            attended_ms=self._attended_ms[name],
        )


def _by_number(numbers: Sequence[int], visitors: Sequence[int], names: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield each number that occurs with the visitors of its visits. If all rows have one name, yield only 0."""
    by_number: list[Sequence[int]] = [visitors] if names.count(names[0]) == len(names) else [[] for _ in names]
    if len(by_number) > 1:
        append_to = [some.append for some in by_number]  # type: ignore[attr-defined]
        for number, visitor in zip(numbers, visitors, strict=True):
            append_to[number](visitor)
    return ((number, some) for number, some in enumerate(by_number) if some)


def _count(counts: Counter[Any], numbers: Sequence[int], passing: Iterable[Any], names: Sequence[Any]) -> None:
    """Count the visits that pass by name."""
    for number, visits in Counter(compress(numbers, passing)).items():
        counts[names[number]] += visits


def _size(visits: int, rows: Rows) -> int:
    return NAME_SIZE + min(2 * visits, CONTAINER_SIZE * (1 + rows.block.last // CONTAINER))
