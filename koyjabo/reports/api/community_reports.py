"""/api/communities/{id}/visitors: reports of unique visitors, for members."""

from __future__ import annotations

from typing import Any

from flask import Response, json, request
from pydantic import BaseModel, Field

from koyjabo.communities.services import CommunityServices
from koyjabo.reports.community_people import Growth, Trend, Visitors
from koyjabo.reports.services import PeopleServices
from koyjabo.reports.ui import date_ranges
from koyjabo.reports.ui.date_ranges import Range
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import PRIVATE, json_response
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import INSIDE, ListOf, ResponseSpec, describe

REPORT: dict[int, ResponseSpec] = {429: "too many reports at once; see Retry-After", **INSIDE}
WITH_RANGE: dict[int, ResponseSpec] = {400: "the range is not valid; see details", **REPORT}


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
    def of(cls, community_id: str, counted: Visitors) -> VisitorsResponse:
        return cls(
            community_id=community_id,
            authenticated_visitors=counted.people.authenticated,
            anonymous_visitors=counted.people.anonymous,
            total_unique_visitors=sum(counted.people),
            date_range=DateRange(start=counted.start, end=counted.end),
        )


class GrowthResponse(BaseModel):
    """Unique visitors in the last days, compared with the same number of days before them."""

    community_id: str
    current_period_visitors: int
    previous_period_visitors: int
    growth_rate: float = Field(description="percent; 100 if there were no visitors before, 0 if neither had any")
    growth_count: int
    comparison_days: int

    @classmethod
    def of(cls, community_id: str, growth: Growth) -> GrowthResponse:
        return cls(
            community_id=community_id,
            current_period_visitors=growth.current,
            previous_period_visitors=growth.previous,
            growth_rate=growth.rate,
            growth_count=growth.current - growth.previous,
            comparison_days=growth.days,
        )


class TrendResponse(BaseModel):
    """Unique visitors in one period."""

    period: str = Field(description="a day; the Monday of a week; an hour with its offset", examples=["2025-10-10"])
    authenticated_count: int
    anonymous_count: int
    total_count: int


def _trend(trend: Trend) -> dict[str, Any]:
    """Return a TrendResponse, built without pydantic because a report can have a thousand of them."""
    authenticated, anonymous = trend.people
    counts = {"authenticated_count": authenticated, "anonymous_count": anonymous}
    return {"period": trend.period, **counts, "total_count": authenticated + anonymous}


def _community(community_id: str) -> str:
    """Return the id of a community that the user is a member of. Counts towards the report limit."""
    account = tokens.require().account
    limits.count_report(account.id)
    return current()[CommunityServices].directory.get(account, community_id).community.id


@bp.get("/communities/<community_id>/visitors")
@describe(
    "Unique visitors in a range of days",
    {200: VisitorsResponse, **WITH_RANGE},
    query=date_ranges.RANGE,
    scope="stats:read",
)
def visitors(community_id: str) -> Response:
    """Get the unique visitors in a range of days in TIMEZONE. The last day is included."""
    scope, days = _community(community_id), Range.of(request, current().clock.today())
    return json_response(VisitorsResponse.of(scope, current()[PeopleServices].reports.visitors(scope, *days)))


@bp.get("/communities/<community_id>/visitors/today")
@describe("Unique visitors today", {200: VisitorsResponse, **REPORT}, scope="stats:read")
def visitors_today(community_id: str) -> Response:
    """Get today's unique visitors, since midnight in TIMEZONE."""
    scope = _community(community_id)
    return json_response(VisitorsResponse.of(scope, current()[PeopleServices].reports.today(scope)))


@bp.get("/communities/<community_id>/visitors/weekly")
@describe("Unique visitors in the last 7 days", {200: VisitorsResponse, **REPORT}, scope="stats:read")
def visitors_weekly(community_id: str) -> Response:
    """Get the unique visitors in the last 7 days, including today."""
    scope = _community(community_id)
    return json_response(VisitorsResponse.of(scope, current()[PeopleServices].reports.weekly(scope)))


@bp.get("/communities/<community_id>/visitors/monthly")
@describe("Unique visitors in the last 30 days", {200: VisitorsResponse, **REPORT}, scope="stats:read")
def visitors_monthly(community_id: str) -> Response:
    """Get the unique visitors in the last 30 days, including today."""
    scope = _community(community_id)
    return json_response(VisitorsResponse.of(scope, current()[PeopleServices].reports.monthly(scope)))


@bp.get("/communities/<community_id>/visitors/growth")
@describe(
    "Growth of unique visitors", {200: GrowthResponse, **WITH_RANGE}, query=date_ranges.GROWTH, scope="stats:read"
)
def visitors_growth(community_id: str) -> Response:
    """Compare the last days, including today, with the same number of days before them."""
    scope, days = _community(community_id), date_ranges.growth_days_of(request)
    return json_response(GrowthResponse.of(scope, current()[PeopleServices].reports.growth(scope, days)))


@bp.get("/communities/<community_id>/visitors/trends")
@describe(
    "Unique visitors by hour, day or week",
    {200: ListOf(TrendResponse), **WITH_RANGE},
    query=date_ranges.GRANULARITY,
    scope="stats:read",
)
def visitors_trends(community_id: str) -> Response:
    """Get unique visitors by hour, day or week. Periods without visitors are included, with zeros. A week that is only
    partly in the range counts only the days in the range.
    """
    scope, (granularity, days) = _community(community_id), date_ranges.trend_of(request, current().clock.today())
    rows = [_trend(entry) for entry in current()[PeopleServices].reports.trend(scope, granularity, *days)]
    return Response(json.dumps(rows), headers=[PRIVATE], mimetype="application/json")
