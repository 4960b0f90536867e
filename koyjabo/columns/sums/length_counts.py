"""Counts measured visits by their length."""

from collections import Counter
from collections.abc import Iterable, Iterator

from koyjabo.columns.blocks.block_kinds import Seen
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import Changes
from koyjabo.counting.evidence.facts import ARE_MEASURED


class LengthCounts:
    """The number of measured visits by their length in whole seconds."""

    def __init__(self) -> None:
        self._visits: Counter[int] = Counter()

    def add(self, rows: Rows) -> None:
        self._visits.update(_lengths_s(zip(rows.column("attended_ms"), rows.column("facts"), strict=True)))

    def adjust(self, rows: Rows, before: Changes) -> None:
        """Apply changes in attended times. `before` has the earlier times."""
        self._visits.subtract(_lengths_s(map(before.__getitem__, rows.column("id"))))
        self.add(rows)

    @property
    def measured(self) -> int:
        return self._visits.total()

    def median_s(self) -> int | None:
        """Return the lower median, or None if no visit was measured."""
        left = (self.measured + 1) // 2
        for length_s in sorted(self._visits):
            left -= self._visits[length_s]
            if left <= 0:
                return length_s if self.measured else None
        return None

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return 200 * len(self._visits)


def _lengths_s(visits: Iterable[Seen]) -> Iterator[int]:
    return (length_ms // 1000 for length_ms, facts in visits if ARE_MEASURED[facts])
