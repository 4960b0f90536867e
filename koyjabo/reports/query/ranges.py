"""Named ranges of days, and the ranges they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.i18n import N_
from koyjabo.reports.query.report_query import Question

DEFAULT = "30d"
DAYS_OF = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
RANGES = ("today", "yesterday", *DAYS_OF, "month", "all")
NOT_A_RANGE = N_("must be one of today, yesterday, 7d, 30d, 90d, 365d, month, all")
WEEKDAY, PREVIOUS, YEAR, NO_COMPARISON = "weekday", "previous", "year", "none"
COMPARISONS = (WEEKDAY, PREVIOUS, YEAR)
NOT_A_COMPARISON = N_("must be one of weekday, previous, year, none")
WEEK, YEARS, YEAR_OF_WEEKS = 7, (365, 366), 364
"""Lengths in days."""

EPOCH = date(1970, 1, 1)
MARGIN = timedelta(2)
"""The maximum difference between a day's start in TIMEZONE and in another time zone."""


def preset(name: str, today: str, first_day: Callable[[], str | None]) -> tuple[str, str]:
    """Return the first and last day of one of RANGES, or of two days (`2026-11-01/2026-11-15`), not after today."""
    if "/" in name:
        first, _, last = name.partition("/")
        return min(first, today), min(last, today)
    if name in DAYS_OF:
        return shifted(today, 1 - DAYS_OF[name]), today
    if name == "yesterday":
        return shifted(today, -1), shifted(today, -1)
    if name == "month":
        return f"{today[:8]}01", today
    if name == "all":
        return min(first_day() or today, today), today
    return today, today


def compared(question: Question, how: str, clock: Clock) -> Question:
    """Return the same question about the same number of earlier days: the same weekdays (WEEKDAY), the days just before
    (PREVIOUS), or a year earlier (YEAR).

    If the range ends today, the earlier range ends at the same time of day.
    """
    first, last = question.first, question.last
    if how == YEAR:
        days = _year_before(first), _year_before(last)
    else:
        ago = length(question)
        if how == WEEKDAY:  # the smallest number of whole weeks that covers the range; 52 weeks for a year
            ago = YEAR_OF_WEEKS if ago in YEARS else -(-ago // WEEK) * WEEK
        days = shifted(first, -ago), shifted(last, -ago)
    until_ms = clock.same_time_ms(days[1]) if last == clock.today() else None
    return replace(question, first=days[0], last=days[1], until_ms=until_ms)


def since(began: str | None, other: Question) -> Question | None:
    """Restrict the question to the days from `began` on. Returns None if nothing would be left, or only part of the
    last of several days.
    """
    first = max(other.first, began or "9999")
    if first > other.last or (other.first < first == other.last and other.until_ms is not None):
        return None
    return replace(other, first=first)


def whole_days(question: Question) -> int:
    """Return the number of whole days, not counting a day that is cut short."""
    return length(question) - (question.until_ms is not None)


def length(question: Question) -> int:
    """Return the number of days."""
    return day_number(question.last) - day_number(question.first) + 1


def day_number(day: str) -> int:
    """Return the number of days since 1970-01-01."""
    return (date.fromisoformat(day) - EPOCH).days


def _year_before(day: str) -> str:
    year, rest = int(day[:4]) - 1, day[4:]
    try:
        return date.fromisoformat(f"{year:04d}{rest}").isoformat()
    except ValueError:  # 29 February
        return f"{year:04d}-02-28"
