"""Rows of a block, without those that a report does not count."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import compress
from operator import and_, or_
from typing import Any

from pyroaring import BitMap

from .block import Block
from .block_kinds import DAY_COLUMN


class Rows:
    """The rows of a block between two positions, without rows that have failed a check."""

    def __init__(self, block: Block, start: int, end: int) -> None:
        self.block, self._span, self._passes = block, slice(start, end), b"\1" * (end - start)

    def __bool__(self) -> bool:
        return 1 in self._passes

    def keep(self, passes: Iterable[Any]) -> None:
        """Keep only the rows whose value is true."""
        passes = map(bool, passes)
        self._passes = bytes(map(and_, self._passes, passes) if 0 in self._passes else passes)

    def check(self, name: str, passing: Sequence[bool]) -> None:
        """Keep only the rows whose number in a coded column passes."""
        if False in passing:
            self.keep(map(passing.__getitem__, self.all(name)))

    def keep_moments(self, first_day: str, since_ms: int, until_ms: int) -> None:
        """Keep all earlier days. From `first_day` on, keep only rows from `since_ms` on and before `until_ms`."""
        is_early = [day < first_day for day in self.block.values[DAY_COLUMN]]
        if all(is_early):
            return
        places, time_of = self.block.by_time(), self.block.columns["at_ms"].__getitem__
        start, end = (bisect_left(places, moment, key=time_of) for moment in (since_ms, until_ms))
        passing = bytearray(len(self.block))
        for place in places[start:end]:
            passing[place] = True
        if True in is_early:
            passing = bytearray(map(or_, passing, map(is_early.__getitem__, self.block.columns[DAY_COLUMN])))
        if True in passing:
            self.keep(passing[self._span])
        else:
            self._passes = bytes(len(self._passes))

    def all(self, name: str) -> Any:
        """Return the column, including rows that failed a check."""
        return self.block.columns[name][self._span]

    def column(self, name: str) -> Sequence[int]:
        numbers: Sequence[int] = self.all(name)
        return list(compress(numbers, self._passes)) if 0 in self._passes else numbers

    def named(self, name: str, names: Sequence[Any]) -> list[Any]:
        """Return the names that the numbers in a column mean."""
        return list(map(names.__getitem__, self.column(name)))

    def within(self, ids: BitMap, name: str = "id") -> None:
        """Keep only the rows whose number in a column is among these."""
        self.keep(map(ids.__contains__, self.all(name)))
