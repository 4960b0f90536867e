"""Ranges of days by name, the periods within a range, and the range that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from koyjabo.clock import Clock, shifted
from koyjabo.insights.question import Question
from koyjabo.text import N_

DEFAULT = "30d"
DAYS_OF = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
RANGES = ("today", "yesterday", *DAYS_OF, "month", "all")
NOT_A_RANGE = N_("must be one of today, yesterday, 7d, 30d, 90d, 365d, month, all")
PREVIOUS, YEAR = "previous", "year"
COMPARISONS = (PREVIOUS, YEAR)
NOT_A_COMPARISON = N_("must be one of previous, year")
EPOCH = date(1970, 1, 1)
MARGIN = timedelta(2)
"""Days in another TIMEZONE begin and end at most this much earlier or later."""


def preset(name: str, today: str, first_day: Callable[[], str | None]) -> tuple[str, str]:
    """The first and the last day of one of RANGES, or of two days (`2026-11-01/2026-11-15`), not after today."""
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
    """The same question about the days before (PREVIOUS), as many, or about those a year earlier (YEAR).

    If its range ends today, the other one ends at the same time of day.
    """
    first, last = question.first, question.last
    if how == YEAR:
        days = _year_before(first), _year_before(last)
    else:
        days = shifted(first, -length(question)), shifted(first, -1)
    until_ms = clock.same_time_ms(days[1]) if last == clock.today() else None
    return replace(question, first=days[0], last=days[1], until_ms=until_ms)


def length(question: Question) -> int:
    """The number of days."""
    return day_number(question.last) - day_number(question.first) + 1


def day_number(day: str) -> int:
    """Days since 1970-01-01, as `visit_facts.day` has them."""
    return (date.fromisoformat(day) - EPOCH).days


def day_of(days: int) -> str:
    """The opposite of `day_number`."""
    return (EPOCH + timedelta(days)).isoformat()


def _year_before(day: str) -> str:
    year, rest = int(day[:4]) - 1, day[4:]
    try:
        return date.fromisoformat(f"{year:04d}{rest}").isoformat()
    except ValueError:  # 29 February
        return f"{year:04d}-02-28"
