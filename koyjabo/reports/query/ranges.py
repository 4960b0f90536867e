"""Named ranges of days, the ranges they are compared with, and their periods: hours, days, weeks and months in
TIMEZONE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.reports.query.report_query import Question

DEFAULT = "30d"
DAYS_OF = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
RANGES = ("today", "yesterday", *DAYS_OF, "month", "all")
NOT_A_RANGE = N_("must be one of today, yesterday, 7d, 30d, 90d, 365d, month, all")
WEEKDAY, PREVIOUS, YEAR, NO_COMPARISON = "weekday", "previous", "year", "none"
COMPARISONS = (WEEKDAY, PREVIOUS, YEAR)
NOT_A_COMPARISON = N_("must be one of weekday, previous, year, none")
WEEK_LENGTH, YEARS, YEAR_OF_WEEKS = 7, (365, 366), 364
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
            ago = YEAR_OF_WEEKS if ago in YEARS else -(-ago // WEEK_LENGTH) * WEEK_LENGTH
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


HOUR, DAY, WEEK, MONTH = "hour", "day", "week", "month"
GRANULARITIES = (HOUR, DAY, WEEK, MONTH)
MAX_PERIODS = 2_400
NOT_A_GRANULARITY = N_("must be one of hour, day, week, month")
MAX_DAYS_IN = {HOUR: 1 / 24, DAY: 1, WEEK: WEEK_LENGTH, MONTH: 31}
"""The maximum number of days in one period."""


def check(question: Question, granularity: str) -> None:
    """Validate a granularity. Raises InvalidInput if it is unknown, or would give more than MAX_PERIODS periods."""
    if granularity not in GRANULARITIES:
        raise InvalidInput(details={"granularity": NOT_A_GRANULARITY})
    least = possible(question, granularity)
    if least != granularity:
        sentence = f"must be {least} or longer for this many days: a timeline has at most {MAX_PERIODS:,} periods"
        raise InvalidInput(details={"granularity": sentence})


def possible(question: Question, granularity: str) -> str:
    """Return the granularity, or the next coarser one that divides the range into at most MAX_PERIODS."""
    longer = GRANULARITIES[GRANULARITIES.index(granularity) :]
    return next(step for step in longer if length(question) / MAX_DAYS_IN[step] <= MAX_PERIODS or step == MONTH)


def periods(question: Question, granularity: str, clock: Clock) -> list[str]:
    """Return the names of all periods in a range, up to the current one."""
    if granularity == HOUR:
        upto_s = (question.until_ms or clock.now_ms()) / 1000
        return [clock.local(hour_s) for hour_s in clock.hours(question.first, question.last) if hour_s <= upto_s]
    return list(dict.fromkeys(period_of(day, granularity) for day in days(question.first, question.last)))


def period_of(day: str, granularity: str) -> str:
    """Return the name of the period that contains a day: the day itself, the Monday of its week, or the first day of
    its month.
    """
    if granularity == WEEK:
        return shifted(day, -date.fromisoformat(day).weekday())
    return f"{day[:8]}01" if granularity == MONTH else day


def weekday_of(local: str) -> tuple[int, int]:
    """Return the weekday (from 0) and the hour of a local time."""
    return date.fromisoformat(local[:10]).weekday(), int(local[11:13])


def spans(first: str, last: str, granularity: str) -> dict[str, tuple[str, str]]:
    """Return the first and last day of each period between `first` and `last`, by the period's name. Does not support
    hours.
    """
    by_name: dict[str, tuple[str, str]] = {}
    for day in days(first, last):
        name = period_of(day, granularity)
        by_name[name] = (by_name.get(name, (day,))[0], day)
    return by_name


def running(granularity: str, clock: Clock) -> str:
    """Return the name of the current period."""
    if granularity == HOUR:
        return clock.local(clock.bucket(clock.now_ms()).hour_s)
    return period_of(clock.today(), granularity)


def days(first: str, last: str) -> Iterator[str]:
    """Yield all days from `first` to `last`, inclusive."""
    day = date.fromisoformat(first)
    while day.isoformat() <= last:
        yield day.isoformat()
        day += timedelta(1)
