"""The periods of a timeline: hours, days, weeks and months in TIMEZONE."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.errors import InvalidInput
from koyjabo.core.i18n import N_
from koyjabo.reports.query.ranges import length
from koyjabo.reports.query.report_query import Question

HOUR, DAY, WEEK, MONTH = "hour", "day", "week", "month"
GRANULARITIES = (HOUR, DAY, WEEK, MONTH)
MOST_PERIODS = 2_400
NOT_A_GRANULARITY = N_("must be one of hour, day, week, month")
DAYS_OF = {HOUR: 1 / 24, DAY: 1, WEEK: 7, MONTH: 31}
"""The maximum number of days in one period."""


def check(question: Question, granularity: str) -> None:
    """Validate a granularity. Raises InvalidInput if it is unknown, or would give more than MOST_PERIODS periods."""
    if granularity not in GRANULARITIES:
        raise InvalidInput(details={"granularity": NOT_A_GRANULARITY})
    least = possible(question, granularity)
    if least != granularity:
        sentence = f"must be {least} or longer for this many days: a timeline has at most {MOST_PERIODS:,} periods"
        raise InvalidInput(details={"granularity": sentence})


def possible(question: Question, granularity: str) -> str:
    """Return the granularity, or the next coarser one that divides the range into at most MOST_PERIODS."""
    longer = GRANULARITIES[GRANULARITIES.index(granularity) :]
    return next(step for step in longer if length(question) / DAYS_OF[step] <= MOST_PERIODS or step == MONTH)


def periods(question: Question, granularity: str, clock: Clock) -> list[str]:
    """Return the names of all periods in a range, up to the current one."""
    if granularity == HOUR:
        return [clock.local(hour_s) for hour_s in hours(question, clock)]
    return list(dict.fromkeys(period_of(day, granularity) for day in days(question.first, question.last)))


def hours(question: Question, clock: Clock) -> list[int]:
    """Return the start of each hour in a range, up to the current hour, in seconds since 1970 UTC."""
    upto_s = (question.until_ms or clock.now_ms()) / 1000
    return [hour_s for hour_s in clock.hours(question.first, question.last) if hour_s <= upto_s]


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
