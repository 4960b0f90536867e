"""The visits of a range by weekday and hour, as a grid of tinted cells."""

from collections.abc import Mapping
from typing import NamedTuple

from koyjabo.columns.dimensions.dimensions import HOURS, WEEKDAYS, hour_label
from koyjabo.web.i18n import language, weekday

LEVELS = 10
"""Number of tints. The strongest one is the largest number's."""


class GridCell(NamedTuple):
    hour: str
    visits: int
    level: int  # 0 for no visits, otherwise 1 to LEVELS

    @property
    def label(self) -> str:
        return hour_label(self.hour, language())


class GridRow(NamedTuple):
    weekday: str
    cells: list[GridCell]

    @property
    def label(self) -> str:
        return weekday(self._a_day)

    @property
    def short(self) -> str:
        return weekday(self._a_day, is_short=True)

    @property
    def _a_day(self) -> str:
        return f"2024-01-0{self.weekday}"  # 1 January 2024 was a Monday


def grid(visits: Mapping[tuple[str, str], int]) -> list[GridRow]:
    """Return a row for each weekday with a cell for each hour. `visits` are by both values."""
    largest = max(visits.values(), default=0) or 1

    def cell(day: str, hour: str) -> GridCell:
        number = visits.get((day, hour), 0)
        return GridCell(hour, number, -(-LEVELS * number // largest))

    return [GridRow(day, [cell(day, hour) for hour in HOURS]) for day in WEEKDAYS]
