"""Finds the dimensions that visits have a value of."""

from collections.abc import Sequence

from koyjabo.base.core.clock import Clock
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import Changes
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES, has_many
from .row_names import names_of

VISIT_DIMENSIONS = tuple(name for name in DIMENSION_NAMES if not has_many(name))


class PresentDimensions:
    """`names` has the dimensions that at least one visit has a value of."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.names = clock, set[str]()

    def add(self, rows: Rows) -> None:
        numbers: dict[str, set[int]] = {}  # the distinct ones, by column
        for dimension in VISIT_DIMENSIONS:
            if dimension in self.names:
                continue
            column, names = names_of(rows.block, dimension, self._clock)
            if column not in numbers:
                numbers[column] = set(rows.column(column))
            if _has_value(names, numbers[column]):
                self.names.add(dimension)

    def adjust(self, rows: Rows, _before: Changes) -> None:
        """Apply changes in attended times, which only add values."""
        self.add(rows)

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return 100 * len(self.names)


def _has_value(names: Sequence[str | None], numbers: set[int]) -> bool:
    return any(names[number] is not None for number in numbers)
