"""Counts the attended visits among sets of visits."""

from collections.abc import Hashable, Mapping
from operator import itemgetter

from pyroaring import BitMap

from koyjabo.columns.blocks.table_rows import TableRows
from koyjabo.columns.query.groups import Attended
from .visit_counts import CONTAINER_SIZE, NAME_SIZE

EMPTY_SUMS = BitMap(), 0, 0
"""The visits of a set that are counted, how many of them were attended, and for how long, in ms."""


class AttendedSets:
    """The attended visits among sets of visits. Reads only visits that were added to a set."""

    def __init__(self, table: TableRows, scope: str) -> None:
        self._table, self._scope = table, scope
        self._known: dict[Hashable, tuple[BitMap, int, int]] = {}

    def of(self, sets: Mapping[Hashable, BitMap]) -> list[Attended]:
        """Return the figures for each set, by the set's key. Continues from the earlier figures of the same key."""
        new, figures = dict[Hashable, BitMap](), dict[Hashable, Attended]()
        for key, ids in sets.items():
            summed, *figures_before = self._known.get(key, EMPTY_SUMS)
            if not summed <= ids:
                summed, *figures_before = EMPTY_SUMS
            new[key], figures[key] = ids - summed, (figures_before[0], figures_before[1])
        for rows in self._table.rows_with(list(BitMap().union(*new.values())), self._scope):
            lengths = dict(filter(itemgetter(1), zip(rows.all("id"), rows.all("attended_ms"), strict=True)))
            here = BitMap(lengths)
            for key, (count, length_ms) in figures.items():
                attended = new[key] & here
                figures[key] = count + len(attended), length_ms + sum(map(lengths.__getitem__, attended))
        self._known |= {key: (BitMap(sets[key]), *own) for key, own in figures.items()}
        return list(figures.values())

    def forget(self) -> None:
        self._known.clear()

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return sum(NAME_SIZE + min(2 * len(ids), len(ids) // 8 + CONTAINER_SIZE) for ids, _, _ in self._known.values())
