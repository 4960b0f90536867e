"""Ranges of days, as people type them."""

from datetime import date
from typing import NamedTuple

from .errors import InvalidInput
from .i18n import ASCII_DIGITS, N_

DATE_YEARS = range(1971, 9999)

DAY_FORMAT = N_("must be a date, such as 2025-12-16")


class Days(NamedTuple):
    """A range of days, including the first and the last; None means no limit."""

    first: date | None
    last: date | None


def typed_days(first_day: str, last_day: str) -> Days:
    """Parse days in ISO format, with digits in any script; "" means no limit. Raises InvalidInput by field."""
    problems: dict[str, str] = {}
    typed = {"first_day": first_day, "last_day": last_day}
    first, last = (_typed_day(name, text.translate(ASCII_DIGITS).strip(), problems) for name, text in typed.items())
    if first and last and first > last:
        problems["last_day"] = N_("must not be before the first day")
    if problems:
        raise InvalidInput(details=problems)
    return Days(first, last)


def _typed_day(name: str, text: str, problems: dict[str, str]) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        day = date.min
    if day is not None and day.year not in DATE_YEARS:
        problems[name] = DAY_FORMAT
        return None
    return day
