"""Ranges of days, the ranges they are compared with, and the periods they are divided into."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.columns.query.periods import DAY, GRANULARITIES, HOUR, HOUR_MS, MINUTE, MONTH, WEEK, period_of
from koyjabo.columns.query.report_query import ReportQuery

DEFAULT = "30d"
LAST_HOUR = "hour"
DAYS_OF = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
RANGES = (LAST_HOUR, "today", "yesterday", *DAYS_OF, "month", "all")
NOT_A_RANGE = N_("must be one of hour, today, yesterday, 7d, 30d, 90d, 365d, month, all")
WEEKDAY, PREVIOUS, YEAR, NO_COMPARISON = "weekday", "previous", "year", "none"
COMPARISONS = (WEEKDAY, PREVIOUS, YEAR)
NOT_A_COMPARISON = N_("must be one of weekday, previous, year, none")
WEEK_LENGTH, YEARS, YEAR_OF_WEEKS = 7, (365, 366), 364
"""Lengths in days."""

EPOCH = date(1970, 1, 1)


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


def last_hour(query: ReportQuery, clock: Clock) -> ReportQuery:
    """Restrict a query about today to the current minute and the 59 before it."""
    since_ms = (clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS - HOUR_MS
    return replace(query, first=clock.bucket(since_ms).day, since_ms=since_ms)


def compared(query: ReportQuery, how: str, clock: Clock) -> ReportQuery:
    """Return the same query about the same number of earlier days: the same weekdays (WEEKDAY), the days just before
    (PREVIOUS), or a year earlier (YEAR). The last hour is compared with an hour.

    If the range ends today, the earlier range ends at the same time of day.
    """
    first, last = query.first, query.last
    if query.since_ms is not None:
        return _compared_hour(query, query.since_ms, how, clock)
    if how == YEAR:
        days = _year_before(first), _year_before(last)
    else:
        ago = length(query)
        if how == WEEKDAY:  # the smallest number of whole weeks that covers the range; 52 weeks for a year
            ago = YEAR_OF_WEEKS if ago in YEARS else -(-ago // WEEK_LENGTH) * WEEK_LENGTH
        days = shifted(first, -ago), shifted(last, -ago)
    until_ms = clock.same_time_ms(days[1]) if last == clock.today() else None
    return replace(query, first=days[0], last=days[1], until_ms=until_ms)


def _compared_hour(query: ReportQuery, since_ms: int, how: str, clock: Clock) -> ReportQuery:
    now_ms, today = clock.now_ms(), clock.today()
    if how == PREVIOUS:
        until_ms = now_ms - HOUR_MS
    else:
        until_ms = clock.same_time_ms(_year_before(today) if how == YEAR else shifted(today, -WEEK_LENGTH))
    since_ms += until_ms - now_ms
    first, last = clock.bucket(since_ms).day, clock.bucket(until_ms).day
    return replace(query, first=first, last=last, since_ms=since_ms, until_ms=until_ms)


def since(began: str | None, other: ReportQuery) -> ReportQuery | None:
    """Restrict the query to the days from `began` on. Returns None if nothing would be left, or only part of the
    last of several days.
    """
    first = max(other.first, began or "9999")
    if first > other.last or (other.first < first == other.last and other.until_ms is not None):
        return None
    return replace(other, first=first)


def whole_days(query: ReportQuery) -> int:
    """Return the number of whole days, not counting a day that is cut short."""
    return length(query) - (query.until_ms is not None)


def length(query: ReportQuery) -> int:
    """Return the number of days."""
    return day_number(query.last) - day_number(query.first) + 1


def day_number(day: str) -> int:
    """Return the number of days since 1970-01-01."""
    return (date.fromisoformat(day) - EPOCH).days


def _year_before(day: str) -> str:
    year, rest = int(day[:4]) - 1, day[4:]
    try:
        return date.fromisoformat(f"{year:04d}{rest}").isoformat()
    except ValueError:  # 29 February
        return f"{year:04d}-02-28"


MAX_PERIODS = 2_400
NOT_A_GRANULARITY = N_("must be one of minute, hour, day, week, month")
MAX_DAYS_IN = {HOUR: 1 / 24, DAY: 1, WEEK: WEEK_LENGTH, MONTH: 31}
"""The maximum number of days in one period."""


def check(query: ReportQuery, granularity: str) -> None:
    """Validate a granularity. Raises InvalidInput if it is unknown, or would give more than MAX_PERIODS periods."""
    if granularity not in GRANULARITIES:
        raise InvalidInput(details={"granularity": NOT_A_GRANULARITY})
    if (granularity == MINUTE) != (query.since_ms is not None):
        raise InvalidInput(details={"granularity": N_("must be minute for range=hour, and only for it")})
    least = possible(query, granularity)
    if least != granularity:
        sentence = f"must be {least} or longer for this many days: a timeline has at most {MAX_PERIODS:,} periods"
        raise InvalidInput(details={"granularity": sentence})


def possible(query: ReportQuery, granularity: str) -> str:
    """Return the granularity, or the next coarser one that divides the range into at most MAX_PERIODS. Only the last
    hour has minutes.
    """
    if query.since_ms is not None:
        return MINUTE
    longer = GRANULARITIES[max(GRANULARITIES.index(granularity), GRANULARITIES.index(HOUR)) :]
    return next(step for step in longer if length(query) / MAX_DAYS_IN[step] <= MAX_PERIODS or step == MONTH)


def periods(query: ReportQuery, granularity: str, clock: Clock) -> list[str]:
    """Return the names of all periods in a range, up to the current one."""
    upto_s = (query.until_ms or clock.now_ms()) / 1000
    if granularity == MINUTE and query.since_ms is not None:
        return [clock.local(minute_s) for minute_s in range(query.since_ms // 1000, math.ceil(upto_s), 60)]
    if granularity == HOUR:
        return [clock.local(hour_s) for hour_s in clock.hours(query.first, query.last) if hour_s <= upto_s]
    return list(dict.fromkeys(period_of(day, granularity) for day in days(query.first, query.last)))


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
    if granularity == MINUTE:
        return clock.local(clock.now_ms() // MINUTE_MS * 60)
    return period_of(clock.today(), granularity)


def days(first: str, last: str) -> Iterator[str]:
    """Yield all days from `first` to `last`, inclusive."""
    day = date.fromisoformat(first)
    while day.isoformat() <= last:
        yield day.isoformat()
        day += timedelta(1)
