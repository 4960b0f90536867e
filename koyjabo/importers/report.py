"""Reports what an import has added, and what it has skipped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from koyjabo.visit_log.file_lines import BadLine
from koyjabo.visit_log.importing import Imported

MOST_NUMBERS = 20
"""Maximum number of line numbers listed per reason."""


class Summed(NamedTuple):
    """Daily sums that were added. `before` and `after` are the site's totals."""

    days: int
    visits: int
    known: int  # days already added by an earlier import
    fewer: list[str]  # days with fewer visits in the file than were added before
    before: int
    after: int


class ImportReport:
    """The result of an import. `visits` and `page_views` are the numbers in the file. `left_out` counts lines that are
    not visits, by kind.
    """

    def __init__(self) -> None:
        self.imported = Imported(0, 0)
        self.summed: Summed | None = None
        self.visits = 0
        self.page_views = 0
        self.left_out: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._numbers: dict[str, list[int]] = {}

    def refuse(self, error: BadLine) -> None:
        """Record a refused line."""
        numbers = self._numbers.setdefault(error.why, [])
        if len(numbers) < MOST_NUMBERS:
            numbers.append(error.number)
        self._refused[error.why] += 1

    @property
    def refused(self) -> int:
        """Number of refused lines."""
        return self._refused.total()

    def refusals(self) -> list[tuple[str, int, list[int]]]:
        """Refused lines by reason: how many there are, and the numbers of the first ones."""
        return [(why, count, self._numbers[why]) for why, count in self._refused.items()]

    def sentences(self) -> Iterator[str]:
        """The report for the operator, in English."""
        yield from self._sums(self.summed) if self.summed else self._visits()
        if self.left_out:
            named = "; ".join(f"{what}: {count:,}" for what, count in self.left_out.items())
            yield f"Not imported, because they are not visits: {named}."
        for why, count in self._refused.items():
            yield f"Not imported, {_lines(self._numbers[why], count)}: {why}."

    def _visits(self) -> Iterator[str]:
        new, known = self.imported
        yield f"Imported {_count(new, 'visit')}; {known:,} were already stored."
        yield f"The file has {_count(self.page_views, 'page view')} in {_count(self.visits, 'visit')}."

    def _sums(self, summed: Summed) -> Iterator[str]:
        yield (
            f"Added {_count(summed.visits, 'visit')} from {_count(summed.days, 'day')} to the total, which was "
            f"{summed.before:,} and is now {summed.after:,}. These are daily sums: they count in the total but not in "
            "reports, because the file has no individual visits."
        )
        yield f"Days already added by an earlier import: {summed.known:,}."
        if summed.fewer:
            days = _some(summed.fewer, len(summed.fewer))
            yield f"Days with fewer visits in this file than were added before (left unchanged): {days}."


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' * (number != 1)}"


def _lines(numbers: list[int], count: int) -> str:
    return f"line{'s' * (count > 1)} {_some([f'{number:,}' for number in numbers], count)}"


def _some(names: list[str], count: int) -> str:
    shown = ", ".join(names[:MOST_NUMBERS])
    return f"{shown} and {count - MOST_NUMBERS:,} more" if count > MOST_NUMBERS else shown
