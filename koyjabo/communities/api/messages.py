"""POST /api/communities/{id}/broadcast and …/disconnect, and GET /api/communities/online, for programs."""

from __future__ import annotations

from flask import Response, request

from koyjabo.communities.api.communities import permitted
from koyjabo.communities.ref_schemas import BroadcastBody, DisconnectBody, OnlineCountsResponse
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.core.errors import InvalidInput
from koyjabo.models import Scope
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import PRIVATE, json_response
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, INSIDE, LOGGED_IN, WITH_BODY, describe

MOST_ASKED = 200


@bp.post("/communities/<community_id>/broadcast")
@describe(
    "Send a message to the people online",
    {202: None, **WITH_BODY, **CHANGE, **INSIDE, 413: "data is over 4,096 bytes as JSON"},
    body=BroadcastBody,
    scope="broadcast",
)
def broadcast(community_id: str) -> Response:
    """Send a message to the members online. Only moderators can do this. They receive an event of type `message` with
    this `data`, on every connection. Messages are never merged, and arrive in the order of the calls.
    """
    permitted(community_id, MODERATOR)
    current()[CommunityServices].messages.send(Scope(community_id.lower()), BroadcastBody.of(request).data)
    return _accepted()


@bp.post("/communities/<community_id>/disconnect")
@describe(
    "Disconnect a person by your own id",
    {202: None, **WITH_BODY, **CHANGE, **INSIDE},
    body=DisconnectBody,
    scope="broadcast",
)
def disconnect(community_id: str) -> Response:
    """Close a member's sockets, streams and rooms in the community with 4003. Only moderators can do this. It is not an
    error if there are none. The person stays a member and can reconnect.
    """
    account, services = permitted(community_id, MODERATOR), current()[CommunityServices]
    body = DisconnectBody.of(request)
    person = services.by_ref.person(account, community_id, body.userRef)
    if person is not None:
        services.messages.disconnect(Scope(community_id.lower()), person)
    return _accepted()


def _accepted() -> Response:
    return Response(status=202, headers=[PRIVATE])


@bp.get("/communities/online")
@describe(
    "Count the people online in many communities",
    {200: OnlineCountsResponse, 400: "more than 200 ids", **LOGGED_IN},
    query={"ids": "up to 200 ids or refs, separated by commas"},
    scope="presence:read",
)
def online() -> Response:
    """Count the people online in each of the given communities. Communities that you may not see are left out."""
    account, services = tokens.require().account, current()[CommunityServices]
    asked = list(dict.fromkeys(name for name in request.args.get("ids", "").split(",") if name))
    if len(asked) > MOST_ASKED:
        raise InvalidInput(details={"ids": "must contain at most 200 ids"})
    ids = services.refs.resolve_all(asked)
    seen = [access.community.id for access in services.directory.seen(account, set(ids.values()))]
    counts = dict(zip(seen, services.people.online(*seen), strict=True))
    return json_response(
        OnlineCountsResponse(online={name: counts[ids[name]] for name in asked if ids[name] in counts})
    )
