"""The periods that a range of days is divided into."""

import math

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.columns.query.periods import DAY, GRANULARITIES, HOUR, MINUTE, MONTH, WEEK, period_of
from koyjabo.columns.query.report_query import ReportQuery
from .ranges import days, length

MAX_PERIODS = 2_400

NOT_A_GRANULARITY = N_("must be one of minute, hour, day, week, month")

MAX_DAYS_IN = {HOUR: 1 / 24, DAY: 1, WEEK: 7, MONTH: 31}
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
