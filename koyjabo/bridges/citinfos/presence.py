"""Presence: on the site, in a community, and in the communities of a user."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import BeforeValidator, Field

from koyjabo.bridges.citinfos import bp, ranges
from koyjabo.bridges.citinfos.access import REFUSED, WHERE, community, scope
from koyjabo.bridges.citinfos.answers import (
    CitinfosActivity,
    CitinfosOnline,
    CitinfosPeaks,
    CitinfosRealtime,
    CitinfosStatus,
    CitinfosStatuses,
)
from koyjabo.bridges.citinfos.routes import both
from koyjabo.communities.communities import CommunityAccess
from koyjabo.communities.roles import MEMBER
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.services import CountingServices
from koyjabo.models import SITE, Scope
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, INSIDE, LOGGED_IN, WITH_BODY, describe
from koyjabo.webkit.schemas.bodies import JSON, Body
from koyjabo.webkit.schemas.fields import text

TOO_MANY = {429: "too many reports at once; see Retry-After"}
GENERAL = "general"
MOST_COMMUNITIES = 1_000


def _activity(value: Any) -> str:
    return text(value) or GENERAL


class ActivityBody(Body):
    media = JSON
    may_be_absent = True

    activity_type: Annotated[str, BeforeValidator(_activity)] = Field(GENERAL, description="any name; not stored")


@both("realtime")
@describe("Who is here now", {200: CitinfosRealtime, **REFUSED}, query=WHERE)
def realtime() -> Response:
    """Active visitors of the site, or people online in a community."""
    where = scope()
    count = current()[CountingServices].visits.stats().active if where == SITE else online(where)
    return answer(
        CitinfosRealtime(
            community_id=None if where == SITE else where,
            count=count,
            current_online=count,
            authenticated_count=None if where == SITE else count,
            anonymous_count=None if where == SITE else 0,
            timestamp=ranges.timestamp(),
        )
    )


@bp.get("/api/communities/<community_id>/online-count")
@describe("People online, and the most at once", {200: CitinfosOnline, **INSIDE, **TOO_MANY})
def online_count(community_id: str) -> Response:
    """For members."""
    where = community(community_id, MEMBER)
    peaks = current()[PresenceServices].peaks.get(where)
    return answer(
        CitinfosOnline(
            community_id=where,
            current_online=online(where),
            peaks=CitinfosPeaks(daily=peaks["day"], weekly=peaks["week"], monthly=peaks["month"]),
            timestamp=ranges.timestamp(),
        )
    )


@bp.post("/api/communities/<community_id>/track-activity")
@describe(
    "Record a member as a visitor of the day",
    {200: CitinfosActivity, **WITH_BODY, **CHANGE, **INSIDE},
    body=ActivityBody,
)
def track_activity(community_id: str) -> Response:
    """For members. To be online takes an open socket."""
    account = tokens.require().account
    where = Scope(current()[CommunityServices].directory.get(account, community_id).community.id)
    body = ActivityBody.of(request)
    current()[CommunityServices].people.attend(where, account.id)
    return answer(
        CitinfosActivity(
            success=True,
            current_online=online(where),
            activity_type=body.activity_type,
            timestamp=ranges.timestamp(),
        )
    )


@bp.get("/api/user/communities/status")
@describe("The communities of a user", {200: CitinfosStatuses, **LOGGED_IN, **TOO_MANY})
def communities_status() -> Response:
    """By name, with the number of people online; at most 1,000."""
    account = tokens.require().account
    limits.count_report(account.id)
    services = current()[CommunityServices]
    communities = services.directory.own(account, 0, MOST_COMMUNITIES).items
    ids = [each.community.id for each in communities]
    sizes, here = services.directory.sizes(ids), services.people.online_in(account.id, ids)
    counts = services.people.online(*ids)
    listed = [
        _status(each, count, Scope(each.community.id) in here, sizes.get(each.community.id, 0))
        for each, count in zip(communities, counts, strict=True)
    ]
    return answer(CitinfosStatuses(user_id=account.id, communities=listed, timestamp=ranges.timestamp()))


def online(where: Scope) -> int:
    (count,) = current()[CommunityServices].people.online(where)
    return count


def _status(access: CommunityAccess, count: int, is_online: bool, members: int) -> CitinfosStatus:
    return CitinfosStatus(
        community_id=access.community.id,
        community_name=access.community.name,
        online_count=count,
        user_is_online=is_online,
        user_role=access.role or MEMBER,
        total_members=members,
    )
