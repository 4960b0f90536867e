"""/api/visitors/communities/{id}: reports of one community, as the serializers of Citinfos write them."""

from __future__ import annotations

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.bridges.citinfos import bp, breakdowns, ranges
from koyjabo.bridges.citinfos.access import REFUSED, community
from koyjabo.bridges.citinfos.answers import (
    MOMENT,
    CitinfosConversions,
    CitinfosDemographics,
    CitinfosDivisions,
    CitinfosPeriod,
    CitinfosRange,
    CitinfosStats,
)
from koyjabo.bridges.citinfos.presence import online
from koyjabo.communities.roles import MEMBER, MODERATOR
from koyjabo.reports.community_people import DAILY, HOURLY, WEEKLY
from koyjabo.reports.query.periods import DAY, HOUR, WEEK
from koyjabo.reports.ui.date_ranges import GRANULARITY, granularity_of
from koyjabo.webkit.http.responses import answer, list_answer
from koyjabo.webkit.openapi.describe import INSIDE, Answer, ListOf, describe

PATH = "/api/visitors/communities/<community_id>"
REPORT: dict[int, Answer] = {**REFUSED, 403: INSIDE[403]}
INTERVALS = {HOURLY: HOUR, DAILY: DAY, WEEKLY: WEEK}
TODAY = 1
TREND_DAYS = 7


class CitinfosCount(BaseModel):
    """How many people are online."""

    community_id: str
    current_online: int
    timestamp: str = Field(examples=[MOMENT])


@bp.get(f"{PATH}/visitors")
@describe("Visitors of a range", {200: CitinfosStats, **REPORT}, query=ranges.DATES)
def community_visitors(community_id: str) -> Response:
    """For members. Without `start_date`, of the last day."""
    where, days = community(community_id, MEMBER), ranges.range_of(TODAY)
    people, (start, end) = ranges.people(where, days), ranges.moments(days)
    return answer(
        CitinfosStats(
            authenticated_visitors=people.authenticated,
            anonymous_visitors=people.anonymous,
            total_unique_visitors=people.visitors,
            date_range=CitinfosRange(start=start, end=end),
        )
    )


@bp.get(f"{PATH}/trends")
@describe(
    "Visitors by hour, day or week",
    {200: ListOf(CitinfosPeriod), **REPORT},
    query={"granularity": GRANULARITY["granularity"], **ranges.DATES},
)
def community_trends(community_id: str) -> Response:
    """For members. Without `start_date`, of 7 days."""
    where, granularity = community(community_id, MEMBER), granularity_of(request)
    days = ranges.range_of(TREND_DAYS, by_hour=granularity == HOURLY)
    trend = ranges.trend(where, days, INTERVALS[granularity])
    return list_answer((CitinfosPeriod.of(*each) for each in trend), [])


@bp.get(f"{PATH}/realtime")
@describe("Count the people online", {200: CitinfosCount, **REPORT})
def community_realtime(community_id: str) -> Response:
    """For members."""
    where = community(community_id, MEMBER)
    return answer(CitinfosCount(community_id=where, current_online=online(where), timestamp=ranges.timestamp()))


@bp.get(f"{PATH}/division-breakdown")
@describe("Visitors by division of Bangladesh", {200: CitinfosDivisions, **REPORT}, query=ranges.DATES)
def community_divisions(community_id: str) -> Response:
    """For moderators. Without `start_date`, of the last day."""
    return answer(breakdowns.divisions(community(community_id, MODERATOR), ranges.range_of(TODAY)))


@bp.get(f"{PATH}/conversions")
@describe("Visitors who became users", {200: CitinfosConversions, **REPORT}, query=ranges.DATES)
def community_conversions(community_id: str) -> Response:
    """For moderators. Without `start_date`, of those whose first visit was on the last day."""
    return answer(breakdowns.conversions(community(community_id, MODERATOR), ranges.range_of(TODAY)))


@bp.get(f"{PATH}/demographics")
@describe("Visits by device, browser and operating system", {200: CitinfosDemographics, **REPORT}, query=ranges.DATES)
def community_demographics(community_id: str) -> Response:
    """For moderators. Without `start_date`, of the last day."""
    return answer(breakdowns.demographics(community(community_id, MODERATOR), ranges.range_of(TODAY)))
