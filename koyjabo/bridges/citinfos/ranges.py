"""Reads ranges, and the people and page views of their days.

`start_date` and `end_date` are days or times, of which the days in TIMEZONE count.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta

from flask import request

from koyjabo.core.clock import iso, shifted
from koyjabo.core.errors import InvalidInput
from koyjabo.models import SITE, Scope
from koyjabo.reports.community_people import DAILY, HOURLY, WEEKLY, Growth
from koyjabo.reports.query.parameters import read_day
from koyjabo.reports.query.periods import DAY, HOUR, MONTH, WEEK, spans
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import PeopleServices, ReportServices
from koyjabo.reports.site_people import Split
from koyjabo.reports.ui.date_ranges import MOST_DAYS_BY_HOUR, MOST_YEARS, Range
from koyjabo.webkit.current import current

DATES = {
    "start_date": "a day, or a time in ISO 8601, of which the day in TIMEZONE counts",
    "end_date": f"the same; included, at most {MOST_YEARS} years later; default today",
}
INTERVALS = (HOUR, DAY, WEEK, MONTH)
INTERVAL = {"interval": f"hour (at most {MOST_DAYS_BY_HOUR} days), day (default), week or month"}
PERIODS = {"week": 7, "month": 30, "year": 365}
"""Days of growth."""

PERIOD = {"period": "week, month (default) or year: the last 7, 30 or 365 days"}
NOT_A_DATE = "must be a day such as 2025-10-31, or a time such as 2025-10-31T18:00:00Z"


def range_of(days: int, by_hour: bool = False) -> Range:
    """The range of the request; without `start_date`, that many days. Raises InvalidInput."""
    today = date.fromisoformat(current().clock.today())
    end = min(_day("end_date") or today, today)
    start = _day("start_date") or end - timedelta(days - 1)
    return Range.checked(min(start, today), end, by_hour, "start_date")


def last(days: int) -> Range:
    """The last days, today included."""
    today = current().clock.today()
    return Range(shifted(today, 1 - days), today)


def before(days: Range) -> Range:
    """As many days before a range."""
    length = (date.fromisoformat(days.end) - date.fromisoformat(days.start)).days + 1
    return Range(shifted(days.start, -length), shifted(days.start, -1))


def interval() -> str:
    return _choice("interval", INTERVALS, DAY)


def period() -> str:
    return _choice("period", tuple(PERIODS), "month")


def moments(days: Range) -> tuple[str, str]:
    """The first and the last second of a range, in local time."""
    clock = current().clock
    return clock.local(clock.began_s(days.start)), clock.local(clock.began_s(shifted(days.end, 1)) - 1)


def _choice(name: str, choices: tuple[str, ...], default: str) -> str:
    given = request.args.get(name, default)
    if given not in choices:
        raise InvalidInput(details={name: f"must be one of {', '.join(choices)}"})
    return given


def _day(name: str) -> date | None:
    given = request.args.get(name, "")
    day = read_day(given) or _day_of(given.replace(" ", "+") if "T" in given else given)
    if given and day is None:
        raise InvalidInput(details={name: NOT_A_DATE})
    return day


def _day_of(given: str) -> date | None:
    """Of a time; without an offset it is local. In a query, + is read as a space."""
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is None:
            return read_day(moment.date().isoformat())
        return read_day(current().clock.bucket(int(moment.timestamp()) * 1000).day)
    return None


GRANULARITIES = {HOUR: HOURLY, DAY: DAILY, WEEK: WEEKLY}


def people(scope: Scope, days: Range) -> Split:
    """Different visitors; of a community, different people."""
    if scope == SITE:
        return current()[ReportServices].site_people.between(*days)
    reached = current()[PeopleServices].reports.visitors(scope, *days).people
    return Split(sum(reached), reached.authenticated)


def trend(scope: Scope, days: Range, interval: str) -> list[tuple[str, Split]]:
    """Every period of a range, by name."""
    if scope == SITE:
        return current()[ReportServices].site_people.trend(*days, interval)
    if interval in GRANULARITIES:
        periods = current()[PeopleServices].reports.trend(scope, GRANULARITIES[interval], *days)
        return [(each.period, Split(sum(each.people), each.people.authenticated)) for each in periods]
    return [(name, people(scope, Range(*span))) for name, span in spans(*days, MONTH).items()]


def views(scope: Scope, days: Range) -> int | None:
    return current()[ReportServices].reports.summary(Question(*days, scope)).figures.page_views


def rate(now: int | None, before: int | None) -> float | None:
    """The growth in percent, as reports have it (specification: Visitor reports)."""
    return None if now is None or before is None else Growth(now, before, 0).rate


def percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def timestamp() -> str:
    return iso(current().clock.now_ms())
