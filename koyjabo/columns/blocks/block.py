"""Blocks: rows with consecutive ids, stored as columns. A text column contains numbers that index the block's distinct
texts.

The end of a block depends only on the rows themselves, so all workers would store the same bytes, and any of them may
do so.
"""

import json
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, compress
from operator import sub
from sys import intern
from typing import Any, NamedTuple, Self

from .block_kind import BlockKind
from .block_kinds import DAY_COLUMN, DIFFERENCE_COLUMNS, Row, Seen

MAX_BLOCK_ROWS, MIN_BLOCK_ROWS = 8_192, 256
"""Maximum number of rows in a block, and the minimum for ending a block with the day."""

COMPRESSION_LEVEL = 6
"""The compression level of zlib. A higher level takes three times as long and saves 2 %."""

COPY_DIVISOR = 4
"""A scope's rows are copied out of a block if they are less than this fraction (1/4) of its rows."""


class Block:
    """A block. Each of the `columns` has one number per row. `values` lists the distinct values of each coded column by
    number, in order of first appearance.
    """

    def __init__(
        self, kind: BlockKind, first: int, last: int, columns: dict[str, Any], values: dict[str, list[Any]]
    ) -> None:
        self.kind, self.first, self.last, self.columns, self.values = kind, first, last, columns, values

    @classmethod
    def after(cls, kind: BlockKind, id: int) -> Self:
        """Return an empty block for ids after this id."""
        columns = {name: array(code) for name, code in kind.columns.items()}
        return cls(kind, id + 1, id, columns, {name: [] for name in kind.coded})

    def __len__(self) -> int:
        return len(self.columns["id"])

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        values = sum(map(len, self.values.values()))
        size: int = sum(len(column) * column.itemsize for column in self.columns.values())
        return size + 100 * values

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day; ("", "") for an empty block."""
        days = self.values[DAY_COLUMN]
        return min(days, default=""), max(days, default="")

    def by_time(self) -> "array[int]":
        """Return the positions of the rows, earliest first. The open block grows, so its rows are sorted each time."""
        if len(self._by_time) != len(self):
            self._by_time = array("H", sorted(range(len(self)), key=self.columns["at_ms"].__getitem__))
        return self._by_time

    _by_time = array("H")

    def ends_before(self, day: str) -> bool:
        """Whether a row of this day would begin the next block."""
        return len(self) >= MAX_BLOCK_ROWS or (len(self) >= MIN_BLOCK_ROWS and day not in self._numbers[DAY_COLUMN])

    def append(self, plain: Iterable[int], coded: Iterable[Any]) -> None:
        """Add a row. `plain` begins with its id and time."""
        columns = self.columns
        numbers = zip(self.kind.coded, coded, strict=True)
        for name, number in zip((*DIFFERENCE_COLUMNS, *self.kind.plain), plain, strict=True):
            columns[name].append(number)
        for name, value in numbers:
            known = self._numbers[name]
            number = known.setdefault(value, len(known))
            if number == len(self.values[name]):
                self.values[name].append(value)
            columns[name].append(number)
        self.last = columns["id"][-1]

    @cached_property
    def _numbers(self) -> dict[str, dict[Any, int]]:
        return {name: {value: number for number, value in enumerate(self.values[name])} for name in self.kind.coded}

    def only(self, places: Sequence[int]) -> "Block":
        """Return a block of the rows at these positions. It shares the values of this block."""
        columns = {
            name: array(column.typecode, map(column.__getitem__, places)) for name, column in self.columns.items()
        }
        return Block(self.kind, self.first, self.last, columns, self.values)

    def copied(self, scope: str, start: int, end: int) -> "CopiedRows | None":
        """Return a scope's rows between two positions, or None if they are a large part of the rows there."""
        scopes = self.values["scope"]
        number = scopes.index(scope) if scope in scopes else -1
        places = array("H", compress(range(start, end), map(number.__eq__, self.columns["scope"][start:end])))
        if COPY_DIVISOR * len(places) > end - start:
            return None
        rows, values = self.only(places), {}
        for name in self.kind.coded:
            numbers = {number: place for place, number in enumerate(dict.fromkeys(rows.columns[name]))}
            rows.columns[name] = array("H", map(numbers.__getitem__, rows.columns[name]))
            values[name] = list(map(self.values[name].__getitem__, numbers))
        rows.values = values
        return CopiedRows(rows, places)

    def places(self, ids: Iterable[int]) -> Iterator[int]:
        """Yield the positions of rows with these ids. Skips removed rows."""
        column = self.columns["id"]
        for id in ids:
            place = bisect_left(column, id)
            if place < len(column) and column[place] == id:
                yield place

    def patch(self, changes: Mapping[int, Seen]) -> None:
        """Set `attended_ms` and `facts` of visits, by id."""
        ids, lengths, facts = (self.columns[name] for name in ("id", "attended_ms", "facts"))
        for place in self.places(changes):
            lengths[place], facts[place] = changes[ids[place]]

    def replace(self, rows: Mapping[int, Row]) -> None:
        """Replace rows, by id. The result is the same as a new block made from the changed rows."""
        ids = self.columns["id"]
        places = {place: rows[ids[place]][1] for place in self.places(rows)}
        for place in places:
            for name, number in zip(self.kind.plain, rows[ids[place]][0][len(DIFFERENCE_COLUMNS) :], strict=True):
                self.columns[name][place] = number
        for at, name in enumerate(self.kind.coded):
            known, column = self.values[name], self.columns[name]
            if any(known[column[place]] != row[at] for place, row in places.items()):
                values = list(map(known.__getitem__, column))
                for place, row in places.items():
                    values[place] = row[at]
                self.values[name] = list(dict.fromkeys(values))
                numbers = {value: number for number, value in enumerate(self.values[name])}
                self.columns[name] = array("H", map(numbers.__getitem__, values))
        self.__dict__.pop("_numbers", None)

    def pack(self) -> bytes:
        head = json.dumps([len(self), self.values], separators=(",", ":"), ensure_ascii=False).encode()
        columns = b"".join(
            (_steps(column) if name in DIFFERENCE_COLUMNS else column).tobytes()
            for name, column in self.columns.items()
        )
        return zlib.compress(len(head).to_bytes(4, "big") + head + columns, COMPRESSION_LEVEL)

    @staticmethod
    def scopes_of(start: bytes) -> list[str] | None:
        """Return the scopes of a packed block's rows, from its first bytes; None if these are too few."""
        head = zlib.decompressobj().decompress(start)[4:].decode(errors="ignore")
        try:
            scopes: list[str] = json.JSONDecoder().raw_decode(head.partition('"scope":')[2])[0]
        except ValueError:
            return None
        return scopes

    @classmethod
    def unpack(cls, kind: BlockKind, first: int, last: int, packed: bytes) -> Self:
        data = memoryview(zlib.decompress(packed))
        at = 4 + int.from_bytes(data[:4], "big")
        rows, values = json.loads(bytes(data[4:at]))
        columns: dict[str, Any] = {}
        for name, code in kind.columns.items():
            columns[name] = column = array(code)
            end = at + rows * column.itemsize
            column.frombytes(data[at:end])
            if name in DIFFERENCE_COLUMNS:
                columns[name] = array(code, accumulate(column))
            at = end
        return cls(kind, first, last, columns, {name: _shared(values[name]) for name in kind.coded})


class CopiedRows(NamedTuple):
    """Some rows of a block as a block that has only their values, and their positions in the whole block."""

    block: Block
    places: Sequence[int]


def _steps(column: "array[int]") -> "array[int]":
    return array(column.typecode, map(sub, column, chain((0,), column)))


def _shared(values: list[Any]) -> list[Any]:
    """Intern texts, also in lists, because most blocks contain the same ones. Lists become tuples."""
    shared = []
    for value in values:
        if type(value) is str:
            value = intern(value)
        elif type(value) is list:
            value = tuple(_shared(value))
        shared.append(value)
    return shared
