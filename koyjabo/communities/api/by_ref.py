"""Calls for programs. /api/communities/by-ref and …/members/by-ref: communities and members by external ids
(specification: Your own ids); …/broadcast, …/disconnect and /api/communities/online.
"""

from urllib.parse import unquote

from flask import Response, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.models import Scope
from koyjabo.communities.errors import PreconditionRequired
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.schemas import (
    BroadcastBody,
    CommunityByRefBody,
    CommunityResponse,
    DisconnectBody,
    MemberByRefBody,
    MemberResponse,
    MembersBody,
    OnlineCountsResponse,
    SyncedResponse,
    columns,
)
from koyjabo.communities.services import community_services
from koyjabo.communities.validators import checked_ref, user_ref_text
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.http.responses import PRIVATE_CACHING, json_response, no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import BODY_REFUSALS, CHANGE_REFUSALS, COMMUNITY_REFUSALS, LOGIN_REFUSALS
from koyjabo.web.openapi.response_specs import ResponseSpec
from .communities import community_response, enrolled, members_tag, permitted

bp = api_blueprint("community_refs")

SCOPE = "communities:manage"
ONLY_FOR = "for site admins and API keys only"
BY_REF: dict[int, ResponseSpec] = {
    **CHANGE_REFUSALS,
    **COMMUNITY_REFUSALS,
    400: "a ref or field is not valid; see details",
    403: ONLY_FOR,
}


MAX_IDS = 200


@bp.put("/communities/by-ref/<ref>")
@describe(
    "Create or update a community by your own id",
    {
        200: CommunityResponse,
        201: CommunityResponse,
        409: "the ref is the id of another community",
        **BODY_REFUSALS,
        **BY_REF,
    },
    body=CommunityByRefBody,
    scope=SCOPE,
)
def put_community(ref: str) -> Response:
    """Create or change a community, and restore it if it is archived. Only site admins and API keys can do this.
    Missing and null fields are not changed. A new community is open and listed by default. The ref can be used anywhere
    an id can.
    """
    account = tokens.require_site_admin()
    body = CommunityByRefBody.of(request)
    access, is_new = community_services().by_ref.put(account, checked_ref("ref", ref), columns(body))
    return json_response(community_response(access), 201 if is_new else 200)


@bp.delete("/communities/by-ref/<ref>")
@describe(
    "Archive a community by your own id", {204: None, **BY_REF, 404: "no community ever had this ref"}, scope=SCOPE
)
def archive_community(ref: str) -> Response:
    """Archive a community. Only site admins and API keys can do this. Members, visits and reports are kept, and a PUT
    restores the community.
    """
    community_services().by_ref.archive(tokens.require_site_admin(), checked_ref("ref", ref))
    return no_content()


@bp.put("/communities/<community_id>/members/by-ref/<user_ref>")
@describe(
    "Add or update a member by your own id",
    {200: MemberResponse, 201: MemberResponse, **BODY_REFUSALS, **BY_REF},
    body=MemberByRefBody,
    scope=SCOPE,
)
def put_member(community_id: str, user_ref: str) -> Response:
    """Add a member, or change their role and name. Only site admins and API keys can do this. The person needs no
    account here, and has the same name in all communities.
    """
    account = tokens.require_site_admin()
    body = MemberByRefBody.of(request)
    by_ref, ref = community_services().by_ref, checked_ref("userRef", user_ref, user_ref_text)
    return enrolled(account, *by_ref.put_member(account, community_id, ref, body.role, body.name))


@bp.delete("/communities/<community_id>/members/by-ref/<user_ref>")
@describe("Remove a member by your own id", {204: None, **BY_REF, 404: "no such community or member"}, scope=SCOPE)
def remove_member_by_ref(community_id: str, user_ref: str) -> Response:
    """Remove a member. Only site admins and API keys can do this. The person's sockets, streams and rooms in the
    community are closed with 4003.
    """
    account, services = tokens.require_site_admin(), community_services()
    person = services.by_ref.remove_member(account, community_id, checked_ref("userRef", user_ref))
    services.messages.disconnect(Scope(community_id.lower()), person)  # even if their token gives them a role
    return no_content()


@bp.put("/communities/<community_id>/members")
@describe(
    "Sync the members with your own list",
    {
        200: SyncedResponse,
        412: "the list has changed since that ETag",
        428: "If-Match is missing",
        **BODY_REFUSALS,
        **BY_REF,
        413: "over 1 MB",
    },
    body=MembersBody,
    headers={"If-Match": "the ETag of the member list"},
    scope=SCOPE,
)
def sync_members(community_id: str) -> Response:
    """Replace all members that have a ref. Only site admins and API keys can do this. Members are added, changed and
    removed in one transaction. Members with an account stay. The response's ETag is the tag of the new list.
    """
    account = tokens.require_site_admin()
    body = MembersBody.of(request)
    # Compare weakly, because proxies that compress responses make tags weak, and these tags depend only on the content.
    is_current = request.if_match.contains_weak if "If-Match" in request.headers else _missing
    members = {member.ref: (member.role, member.name) for member in body.members}
    services = community_services()
    people, tag = services.by_ref.sync(account, community_id, members, is_current)
    for person in people["removed"]:
        services.messages.disconnect(Scope(community_id.lower()), person)  # as in `remove_member_by_ref`
    response = json_response(SyncedResponse(**{name: len(ids) for name, ids in people.items()}))
    response.headers["ETag"] = members_tag(tag)
    return response


def _missing(tag: str) -> bool:
    raise PreconditionRequired


@bp.post("/communities/<community_id>/broadcast")
@describe(
    "Send a message to the people online",
    {202: None, **BODY_REFUSALS, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS, 413: "data is over 4,096 bytes as JSON"},
    body=BroadcastBody,
    scope="broadcast",
)
def broadcast(community_id: str) -> Response:
    """Send a message to the members online. Only moderators can do this. They receive an event of type `message` with
    this `data`, on every connection. Messages are never merged, and arrive in the order of the calls.
    """
    permitted(community_id, MODERATOR)
    community_services().messages.send(Scope(community_id.lower()), BroadcastBody.of(request).data)
    return _accepted()


@bp.post("/communities/<community_id>/disconnect")
@describe(
    "Disconnect a person by your own id",
    {202: None, **BODY_REFUSALS, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS},
    body=DisconnectBody,
    scope="broadcast",
)
def disconnect(community_id: str) -> Response:
    """Close a member's sockets, streams and rooms in the community with 4003. Only moderators can do this. It is not an
    error if there are none. The person stays a member and can reconnect.
    """
    account, services = permitted(community_id, MODERATOR), community_services()
    body = DisconnectBody.of(request)
    person = services.by_ref.person(account, community_id, body.userRef)
    if person is not None:
        services.messages.disconnect(Scope(community_id.lower()), person)
    return _accepted()


def _accepted() -> Response:
    return Response(status=202, headers=[PRIVATE_CACHING])


@bp.get("/communities/online")
@describe(
    "Count the people online in many communities",
    {200: OnlineCountsResponse, 400: "more than 200 ids", **LOGIN_REFUSALS},
    query={"ids": "up to 200 ids or refs, separated by commas; in an id, a comma is %252C and a percent sign %2525"},
    scope="presence:read",
)
def online() -> Response:
    """Count the people online in each of the given communities. Communities that you may not see are left out."""
    account, services = tokens.require().account, community_services()
    names = list(dict.fromkeys(unquote(name) for name in request.args.get("ids", "").split(",") if name))
    if len(names) > MAX_IDS:
        raise InvalidInput(details={"ids": "must contain at most 200 ids"})
    ids = services.refs.resolve_all(names)
    seen = [access.community.id for access in services.directory.seen(account, set(ids.values()))]
    counts = dict(zip(seen, services.people.online(*seen), strict=True))
    online = {name: counts[ids[name]] for name in names if ids[name] in counts}
    return json_response(OnlineCountsResponse(online=online))
