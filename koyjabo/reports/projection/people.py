"""How `insight_sums` stores which people made the visits of a row: as short as it can, because that is most of it.

The first byte says how: FEW has numbers of 4 bytes, SOME a Roaring bitmap, and REST a bitmap of the people of the whole
scope and period who are not of this row. Only the row that has most of the visits may be stored so, because it changes
with those of the whole.
"""

from __future__ import annotations

from array import array

from pyroaring import BitMap

FEW, SOME, REST = b".", b"+", b"-"
MOST_FEW = 4
WITHOUT_NUMBER = 1 << 31
"""Greater than the number of any visitor: what bitmaps of one report have for visitors who have no number yet."""


ARRAY = "I"  # 4 bytes on every machine that CPython runs on


def packed(people: BitMap, everyone: BitMap | None = None) -> bytes:
    """`everyone` are the people of the whole, for the row that has most of its visits."""
    if everyone is not None and len(everyone) < 2 * len(people):
        return REST + _bitmap(everyone - people)
    if len(people) <= MOST_FEW:
        return FEW + array(ARRAY, people).tobytes()
    return SOME + _bitmap(people)


def unpacked(stored: bytes, everyone: BitMap | None = None) -> BitMap:
    """`everyone` is needed for REST."""
    kind, rest = stored[:1], stored[1:]
    if kind == FEW:
        return BitMap(array(ARRAY, rest))
    people = BitMap.deserialize(rest)
    if kind == SOME:
        return people
    assert everyone is not None
    return everyone - people


def is_rest(stored: bytes | None) -> bool:
    return stored is not None and bytes(stored[:1]) == REST


def _bitmap(people: BitMap) -> bytes:
    stored: bytes = people.serialize()
    return stored
