"""/api/communities/{id}/visitors: reports of unique visitors, for members."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from flask import Response, json, request
from pydantic import BaseModel, Field

from koyjabo.base.core.errors import InvalidInput
from koyjabo.communities.services import CommunityServices
from koyjabo.reports.community_people import (
    BY_DAY,
    BY_HOUR,
    DAYS_PER_MONTH,
    TREND_GRANULARITIES,
    Reports,
    Visitors,
)
from koyjabo.reports.dashboard_data import people
from koyjabo.reports.query.parameters import NOT_A_PARAMETER_DAY, read_day
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.responses import PRIVATE_CACHING
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.call import call
from koyjabo.web.openapi.refusals import COMMUNITY_REFUSALS, Caller
from koyjabo.web.openapi.response_specs import ListOf, ResponseSpec

bp = api_blueprint("community_reports")

NUMBER_OF_DAYS = re.compile(r"[0-9]{1,4}", re.ASCII)
MAX_YEARS = 5
MAX_DAYS_BY_HOUR = 31
MAX_DAYS_TO_GROW = 1826
GROWTH_DAYS = 7

DAYS_PARAMETERS = {
    "start": "first day, YYYY-MM-DD in TIMEZONE; default 30 days up to `end`",
    "end": f"last day, included, at most {MAX_YEARS} years after the first; default today",
}
TREND_PARAMETERS = {
    "granularity": "hourly (at most 31 days; default one day), daily (default) or weekly (ISO weeks)",
    **DAYS_PARAMETERS,
}
GROWTH_PARAMETERS = {"days": f"1 to {MAX_DAYS_TO_GROW}; default {GROWTH_DAYS}"}

BY_REPORT_READER = Caller(
    lambda community_id: _community(community_id),
    {429: "too many reports at once; see Retry-After", **COMMUNITY_REFUSALS},
)
"""The handler gets the id of the community."""

RANGE_REFUSALS: dict[int, ResponseSpec] = {400: "the range is not valid; see details"}


def _range(by_hour: bool = False) -> tuple[str, str]:
    """Return the first and last day in the request. Raises InvalidInput with a reason per field."""
    end = _day("end") or date.fromisoformat(current().clock.today())
    start = _day("start") or end - timedelta(days=0 if by_hour else DAYS_PER_MONTH - 1)
    if start > end:
        _refuse("start", f"must not be after the last day, {end}")
    if by_hour and (end - start).days >= MAX_DAYS_BY_HOUR:
        _refuse("start", f"must be less than {MAX_DAYS_BY_HOUR} days before {end} when granularity is hourly")
    if end >= _years_after(start):
        _refuse("start", f"must be less than {MAX_YEARS} years before {end}")
    return start.isoformat(), end.isoformat()


def _day(name: str) -> date | None:
    value = request.args.get(name)
    day = None if value is None else read_day(value)
    if value is not None and day is None:
        _refuse(name, NOT_A_PARAMETER_DAY)
    return day


def _years_after(day: date) -> date:
    year = day.year + MAX_YEARS
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _refuse(field: str, reason: str) -> None:
    raise InvalidInput(details={field: reason})


class DateRange(BaseModel):
    start: str = Field(examples=["2025-10-01"])
    end: str = Field(examples=["2025-10-31"])


class VisitorsResponse(BaseModel):
    """Unique visitors in a range of days. A visitor who logged in later counts once, as a user."""

    community_id: str
    authenticated_visitors: int = Field(examples=[150])
    anonymous_visitors: int = Field(examples=[320])
    total_unique_visitors: int = Field(examples=[470])
    date_range: DateRange

    @classmethod
    def of(cls, community_id: str, counted: Visitors) -> "VisitorsResponse":
        return cls(
            community_id=community_id, date_range=DateRange(start=counted.start, end=counted.end), **people(counted)
        )


class GrowthResponse(BaseModel):
    """Unique visitors in the last days, compared with the same number of days before them."""

    community_id: str
    current_period_visitors: int
    previous_period_visitors: int
    growth_rate: float = Field(description="percent; 100 if there were no visitors before, 0 if neither had any")
    growth_count: int
    comparison_days: int


class TrendResponse(BaseModel):
    """Unique visitors in one period."""

    period: str = Field(description="a day; the Monday of a week; an hour with its offset", examples=["2025-10-10"])
    authenticated_count: int
    anonymous_count: int
    total_count: int


def _community(community_id: str) -> str:
    """Return the id of a community that the user is a member of. Counts towards the report limit."""
    account = tokens.require().account
    limits.count_account("reports", account.id)
    return current()[CommunityServices].directory.require(account, community_id).community.id


@bp.get("/communities/<community_id>/visitors")
@call("Unique visitors in a range of days", BY_REPORT_READER, RANGE_REFUSALS, query=DAYS_PARAMETERS, scope="stats:read")
def visitors(scope: str, community_id: str) -> VisitorsResponse:
    """Get the unique visitors in a range of days in TIMEZONE. The last day is included."""
    return VisitorsResponse.of(scope, current()[Reports].visitors(scope, *_range()))


def _add(name: str, which: str, about: str, read: Callable[[Reports, str], Visitors]) -> None:
    def visitors_in(scope: str, community_id: str) -> VisitorsResponse:
        return VisitorsResponse.of(scope, read(current()[Reports], scope))

    visitors_in.__name__, visitors_in.__doc__ = f"visitors_{name}", about
    view = call(f"Unique visitors {which}", BY_REPORT_READER, scope="stats:read")(visitors_in)
    bp.get(f"/communities/<community_id>/visitors/{name}")(view)


_add("today", "today", "Get today's unique visitors, since midnight in TIMEZONE.", Reports.today)
for report, days, read_report in (("weekly", 7, Reports.weekly), ("monthly", 30, Reports.monthly)):
    last_days = f"in the last {days} days"
    _add(report, last_days, f"Get the unique visitors {last_days}, including today.", read_report)


@bp.get("/communities/<community_id>/visitors/growth")
@call("Growth of unique visitors", BY_REPORT_READER, RANGE_REFUSALS, query=GROWTH_PARAMETERS, scope="stats:read")
def visitors_growth(scope: str, community_id: str) -> GrowthResponse:
    """Compare the last days, including today, with the same number of days before them."""
    days = request.args.get("days", str(GROWTH_DAYS))
    if not NUMBER_OF_DAYS.fullmatch(days) or not 1 <= int(days) <= MAX_DAYS_TO_GROW:
        _refuse("days", f"must be a whole number from 1 to {MAX_DAYS_TO_GROW}")
    growth = current()[Reports].growth(scope, int(days))
    return GrowthResponse(
        community_id=scope,
        current_period_visitors=growth.current,
        previous_period_visitors=growth.previous,
        growth_rate=growth.rate,
        growth_count=growth.current - growth.previous,
        comparison_days=growth.days,
    )


@bp.get("/communities/<community_id>/visitors/trends")
@call(
    "Unique visitors by hour, day or week",
    BY_REPORT_READER,
    {200: ListOf(TrendResponse), **RANGE_REFUSALS},
    query=TREND_PARAMETERS,
    scope="stats:read",
)
def visitors_trends(scope: str, community_id: str) -> Response:
    """Get unique visitors by hour, day or week. Periods without visitors are included, with zeros. A week that is only
    partly in the range counts only the days in the range.
    """
    granularity = request.args.get("granularity", BY_DAY)
    if granularity not in TREND_GRANULARITIES:
        _refuse("granularity", "must be hourly, daily or weekly")
    days = _range(by_hour=granularity == BY_HOUR)
    rows = []  # built without pydantic, because a report can have a thousand of them
    for period, (authenticated, anonymous) in current()[Reports].trend(scope, granularity, *days):
        counts = {"authenticated_count": authenticated, "anonymous_count": anonymous}
        rows.append({"period": period, **counts, "total_count": authenticated + anonymous})
    return Response(json.dumps(rows), headers=[PRIVATE_CACHING], mimetype="application/json")
