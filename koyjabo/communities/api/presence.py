"""/api/communities/{id}/…: the stats of a community, and the people online."""

from __future__ import annotations

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.communities.live.online_people import OnlinePerson
from koyjabo.communities.roles import MEMBER, MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import iso
from koyjabo.core.errors import UnknownCommunity
from koyjabo.core.identity import uuid_of
from koyjabo.counting.schemas.responses import StatsAnswer, stats_or_304, writer
from koyjabo.counting.services import CountingServices
from koyjabo.models import Scope
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, as_response, list_answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import INSIDE, ListOf, describe
from koyjabo.webkit.schemas.paging import QUERY, Paging


class RealtimeAnswer(BaseModel):
    """How many people are online in a community."""

    community_id: str
    current_online: int = Field(examples=[42])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class OnlineAnswer(BaseModel):
    """A person who is online in a community."""

    user_id: str
    name: str
    since: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    tabs: int = Field(description="open sockets; 0 during the grace period after a lost connection")

    @classmethod
    def of(cls, person: OnlinePerson) -> OnlineAnswer:
        return cls.model_validate(person.as_object())


@bp.get("/communities/<community_id>/stats")
@describe(
    "Stats of a community",
    {200: StatsAnswer, 304: None, **INSIDE},
    headers={"If-None-Match": "an ETag from an earlier answer"},
)
def community_stats(community_id: str) -> Response:
    """For members. The stats object of the visits to the community."""
    scope = _entered(community_id, MEMBER)
    stats = writer.write(current()[CountingServices].visits.community(scope).stats())
    response = as_response(stats_or_304(request.environ, stats))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@bp.get("/communities/<community_id>/visitors/realtime")
@describe("Count the people online", {200: RealtimeAnswer, **INSIDE})
def realtime(community_id: str) -> Response:
    """People with an open socket in the community, each once. For members, and for everybody if `public_count` is
    true."""
    scope, services = _entered_to_count(community_id), current()
    (online,) = services[CommunityServices].people.online(scope)
    at = iso(services.clock.now_ms())
    return answer(RealtimeAnswer(community_id=scope, current_online=online, timestamp=at))


@bp.get("/communities/<community_id>/visitors/online")
@describe("List the people online", {200: ListOf(OnlineAnswer), 400: "no such page", **INSIDE}, query=QUERY)
def who_is_online(community_id: str) -> Response:
    """For moderators. The longest online come first, at most 1,000."""
    scope, paging = _entered(community_id, MODERATOR), Paging.of(request)
    people, total = current()[CommunityServices].people.page(scope, paging.start, paging.per_page)
    return list_answer(map(OnlineAnswer.of, people), paging.headers(total))


def _entered_to_count(community_id: str) -> Scope:
    """As `_entered` for members, but a community that shows its numbers to everybody needs no login."""
    try:
        return Scope(current()[CommunityServices].directory.with_public_count(community_id).id)
    except UnknownCommunity:
        return _entered(community_id, MEMBER)


def _entered(community_id: str, role: str) -> Scope:
    """The scope of a community in which the user has at least `role`."""
    current()[CommunityServices].directory.require(tokens.require().account, community_id, role)
    return Scope(uuid_of(community_id) or community_id)
