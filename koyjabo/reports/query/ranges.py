"""Ranges of days: the named ones, and the last hour."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.core.i18n import N_
from koyjabo.columns.query.periods import HOUR_MS
from koyjabo.columns.query.report_query import ReportQuery

DEFAULT_RANGE = "28d"
LAST_HOUR, TODAY, ALL_DAYS = "hour", "today", "all"
DAYS_OF_RANGE = {"7d": 7, DEFAULT_RANGE: 28, "30d": 30, "90d": 90, "365d": 365}
RANGE_NAMES = (LAST_HOUR, TODAY, "yesterday", *DAYS_OF_RANGE, "month", ALL_DAYS)
NOT_A_RANGE = N_("must be one of hour, today, yesterday, 7d, 28d, 30d, 90d, 365d, month, all")

MAX_DAYS_OF_TODAY = 2
"""Up to this number of days since the first visit, pages begin with today."""

UNIX_EPOCH_DAY = date(1970, 1, 1)


def preset(name: str, today: str, first_day: Callable[[], str | None]) -> tuple[str, str]:
    """Return the first and last day of one of RANGE_NAMES, or of two days (`2026-11-01/2026-11-15`), not after
    today.
    """
    if "/" in name:
        first, _, last = name.partition("/")
        return min(first, today), min(last, today)
    if name in DAYS_OF_RANGE:
        return shifted(today, 1 - DAYS_OF_RANGE[name]), today
    if name == "yesterday":
        return shifted(today, -1), shifted(today, -1)
    if name == "month":
        return f"{today[:8]}01", today
    if name == ALL_DAYS:
        return min(first_day() or today, today), today
    return today, today


def first_range(began: str | None, today: str) -> str:
    """Return the range that a page begins with, if the first visit was on the day `began` (specification: Queries)."""
    days_with_data = day_number(today) - day_number(began or today) + 1
    if days_with_data <= MAX_DAYS_OF_TODAY:
        return TODAY
    return DEFAULT_RANGE if days_with_data >= DAYS_OF_RANGE[DEFAULT_RANGE] else ALL_DAYS


def last_hour(query: ReportQuery, clock: Clock) -> ReportQuery:
    """Restrict a query about today to the current minute and the 59 before it."""
    since_ms = (clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS - HOUR_MS
    return replace(query, first=clock.bucket(since_ms).day, since_ms=since_ms)


def length(query: ReportQuery) -> int:
    """Return the number of days."""
    return day_number(query.last) - day_number(query.first) + 1


def day_number(day: str) -> int:
    """Return the number of days since 1970-01-01."""
    return (date.fromisoformat(day) - UNIX_EPOCH_DAY).days


def days(first: str, last: str) -> Iterator[str]:
    """Yield all days from `first` to `last`, inclusive."""
    day = date.fromisoformat(first)
    while day.isoformat() <= last:
        yield day.isoformat()
        day += timedelta(1)
