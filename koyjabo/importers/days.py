"""Reads sums by day: the day and the number of visits, as programs write them."""

from __future__ import annotations

import re
from datetime import date

from koyjabo.importers.export import UnusableExport

DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
GROUPED = re.compile(r"\d{1,3}(?:([,.\u00a0\u202f ’'])\d{3})(?:\1\d{3})*|\d{1,15}", re.ASCII)
"""A whole number, with or without separators between thousands."""

MOST = 10**12
EARLIEST = "1970-01-02"


class Days:
    """The visits of each day of a file, YYYY-MM-DD, up to `today`."""

    def __init__(self, today: str) -> None:
        self.visits: dict[str, int] = {}
        self._today = today

    def add(self, day: str, visits: str) -> None:
        """Raises ValueError for a line that cannot be used, UnusableExport for a day that was there before."""
        found = _day(day)
        if not EARLIEST <= found <= self._today:
            raise ValueError("the day is in the future, or before 1970")
        number = _number(visits)
        if found in self.visits:
            raise UnusableExport(
                f"The file has several lines for {found}, so their sum may count visits twice. Export visits by day "
                "alone, without another dimension and without a comparison."
            )
        self.visits[found] = number


def _day(text: str) -> str:
    if DAY.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise ValueError("the day must be a date, such as 2025-12-16 or 20251216")


def _number(text: str) -> int:
    if not GROUPED.fullmatch(text):
        raise ValueError("the number of visits must be a whole number")
    number = int(re.sub(r"\D", "", text))
    if number > MOST:
        raise ValueError("the number of visits is too large")
    return number
