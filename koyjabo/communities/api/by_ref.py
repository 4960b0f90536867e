"""Calls for programs. /api/communities/by-ref and …/members/by-ref: communities and members by external ids
(specification: Your own ids); …/broadcast, …/disconnect and /api/communities/online.
"""

from urllib.parse import unquote

from flask import Response, request

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import Account
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
from koyjabo.web.http.responses import PRIVATE_CACHING, json_response
from koyjabo.web.openapi.call import BY_ANYONE, BY_SITE_ADMIN, call
from koyjabo.web.openapi.refusals import COMMUNITY_REFUSALS
from .community_calls import by_role, community_response, enrolled, members_tag

bp = api_blueprint("community_refs")

SCOPE = "communities:manage"
ONLY_FOR = "for site admins and API keys only"
BY_PROGRAM = BY_SITE_ADMIN._replace(
    refusals={**COMMUNITY_REFUSALS, 400: "a ref or field is not valid; see details", 403: ONLY_FOR}
)


MAX_IDS = 200


@bp.put("/communities/by-ref/<ref>")
@call(
    "Create or update a community by your own id",
    BY_PROGRAM,
    {200: CommunityResponse, 201: CommunityResponse, 409: "the ref is the id of another community"},
    scope=SCOPE,
)
def put_community(account: Account, ref: str, body: CommunityByRefBody) -> Response:
    """Create or change a community, and restore it if it is archived. Only site admins and API keys can do this.
    Missing and null fields are not changed. A new community is open and listed by default. The ref can be used anywhere
    an id can.
    """
    access, is_new = community_services().by_ref.put(account, checked_ref("ref", ref), columns(body))
    return json_response(community_response(access), 201 if is_new else 200)


@bp.delete("/communities/by-ref/<ref>")
@call("Archive a community by your own id", BY_PROGRAM, {404: "no community ever had this ref"}, scope=SCOPE)
def archive_community(account: Account, ref: str) -> None:
    """Archive a community. Only site admins and API keys can do this. Members, visits and reports are kept, and a PUT
    restores the community.
    """
    community_services().by_ref.archive(account, checked_ref("ref", ref))


@bp.put("/communities/<community_id>/members/by-ref/<user_ref>")
@call("Add or update a member by your own id", BY_PROGRAM, {200: MemberResponse, 201: MemberResponse}, scope=SCOPE)
def put_member(account: Account, community_id: str, user_ref: str, body: MemberByRefBody) -> Response:
    """Add a member, or change their role and name. Only site admins and API keys can do this. The person needs no
    account here, and has the same name in all communities.
    """
    by_ref, ref = community_services().by_ref, checked_ref("userRef", user_ref, user_ref_text)
    changed = by_ref.put_member(account, community_id, ref, body.role, body.name, body.appear_offline)
    return enrolled(account, *changed)


@bp.delete("/communities/<community_id>/members/by-ref/<user_ref>")
@call("Remove a member by your own id", BY_PROGRAM, {404: "no such community or member"}, scope=SCOPE)
def remove_member_by_ref(account: Account, community_id: str, user_ref: str) -> None:
    """Remove a member. Only site admins and API keys can do this. The person's sockets, streams and rooms in the
    community are closed with 4003.
    """
    services = community_services()
    person = services.by_ref.remove_member(account, community_id, checked_ref("userRef", user_ref))
    services.messages.disconnect(Scope(community_id.lower()), person)  # even if their token gives them a role


@bp.put("/communities/<community_id>/members")
@call(
    "Sync the members with your own list",
    BY_PROGRAM,
    {
        200: SyncedResponse,
        412: "the list has changed since that ETag",
        413: "over 1 MB",
        428: "If-Match is missing",
    },
    headers={"If-Match": "the ETag of the member list"},
    scope=SCOPE,
)
def sync_members(account: Account, community_id: str, body: MembersBody) -> Response:
    """Replace all members that have a ref. Only site admins and API keys can do this. Members are added, changed and
    removed in one transaction. Members with an account stay. The response's ETag is the tag of the new list.
    """
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
@call(
    "Send a message to the people online",
    by_role(MODERATOR),
    {202: None, 413: "data is over 4,096 bytes as JSON"},
    scope="broadcast",
)
def broadcast(account: Account, community_id: str, body: BroadcastBody) -> Response:
    """Send a message to the members online. Only moderators can do this. They receive an event of type `message` with
    this `data`, on every connection. Messages are never merged, and arrive in the order of the calls.
    """
    community_services().messages.send(Scope(community_id.lower()), body.data)
    return _accepted()


@bp.post("/communities/<community_id>/disconnect")
@call("Disconnect a person by your own id", by_role(MODERATOR), {202: None}, scope="broadcast")
def disconnect(account: Account, community_id: str, body: DisconnectBody) -> Response:
    """Close a member's sockets, streams and rooms in the community with 4003. Only moderators can do this. It is not an
    error if there are none. The person stays a member and can reconnect.
    """
    services = community_services()
    person = services.by_ref.person(account, community_id, body.userRef)
    if person is not None:
        services.messages.disconnect(Scope(community_id.lower()), person)
    return _accepted()


def _accepted() -> Response:
    return Response(status=202, headers=[PRIVATE_CACHING])


@bp.get("/communities/online")
@call(
    "Count the people online in many communities",
    BY_ANYONE,
    {400: "more than 200 ids"},
    query={"ids": "up to 200 ids or refs, separated by commas; in an id, a comma is %252C and a percent sign %2525"},
    scope="presence:read",
)
def online(account: Account) -> OnlineCountsResponse:
    """Count the people online in each of the given communities. Communities that you may not see are left out."""
    services = community_services()
    names = list(dict.fromkeys(unquote(name) for name in request.args.get("ids", "").split(",") if name))
    if len(names) > MAX_IDS:
        raise InvalidInput(details={"ids": "must contain at most 200 ids"})
    ids = services.refs.resolve_all(names)
    seen = [access.community.id for access in services.directory.seen(account, set(ids.values()))]
    counts = dict(zip(seen, services.people.online(*seen), strict=True))
    online = {name: counts[ids[name]] for name in names if ids[name] in counts}
    return OnlineCountsResponse(online=online)
