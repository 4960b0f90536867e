"""The rows of charts (templates/webkit/charts.html): a label, then the values of the series."""

from __future__ import annotations

from typing import Any

LEAST = 6
"""The least number of bars of a chart, because fewer would be too wide to compare."""

Row = tuple[Any, ...]


def from_first(rows: list[Row]) -> list[Row]:
    """The rows from the first on that has a value other than 0, or the last LEAST if these are more."""
    first = next((at for at, row in enumerate(rows) if any(row[1:])), len(rows))
    return rows[max(min(first, len(rows) - LEAST), 0) :]
