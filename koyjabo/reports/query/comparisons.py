"""The ranges that a range of days is compared with."""

from dataclasses import replace
from datetime import date

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.i18n import N_
from koyjabo.columns.query.periods import HOUR_MS
from koyjabo.columns.query.report_query import ReportQuery
from .ranges import length

PREVIOUS_PERIOD, YEAR, NO_COMPARISON = "previous", "year", "none"

COMPARISONS = (PREVIOUS_PERIOD, YEAR)

NOT_A_COMPARISON = N_("must be one of previous, year, none")


def compared(query: ReportQuery, how: str, clock: Clock) -> ReportQuery:
    """Return the same query about the same number of earlier days: the days just before (PREVIOUS_PERIOD), or a year
    earlier (YEAR). The last hour is compared with an hour.

    If the range ends today, the earlier range ends at the same time of day.
    """
    first, last = query.first, query.last
    if query.since_ms is not None:
        return _compared_hour(query, query.since_ms, how, clock)
    if how == YEAR:
        days = _year_before(first), _year_before(last)
    else:
        days = shifted(first, -length(query)), shifted(first, -1)
    until_ms = clock.same_time_ms(days[1]) if last == clock.today() else None
    return replace(query, first=days[0], last=days[1], until_ms=until_ms)


def _compared_hour(query: ReportQuery, since_ms: int, how: str, clock: Clock) -> ReportQuery:
    now_ms = clock.now_ms()
    until_ms = clock.same_time_ms(_year_before(clock.today())) if how == YEAR else now_ms - HOUR_MS
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


def _year_before(day: str) -> str:
    year, rest = int(day[:4]) - 1, day[4:]
    try:
        return date.fromisoformat(f"{year:04d}{rest}").isoformat()
    except ValueError:  # 29 February
        return f"{year:04d}-02-28"
