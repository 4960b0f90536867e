"""/api/communities and /api/invitations: communities, members, people online, and invitations."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from flask import Response, request
from pydantic import BaseModel, Field

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import InvalidInput, Unauthenticated, UnknownCommunity
from koyjabo.base.core.identity import Account
from koyjabo.base.models import Scope
from koyjabo.communities.live.online_people import OLDEST_FIRST, PEOPLE_ORDERS
from koyjabo.communities.roles import ADMIN, MEMBER, MODERATOR, Access
from koyjabo.communities.schemas import (
    CommunityChangesBody,
    CommunityResponse,
    InvitationBody,
    InvitationResponse,
    JoinBody,
    MemberResponse,
    MembershipResponse,
    NewCommunityBody,
    RoleBody,
    columns,
)
from koyjabo.communities.services import community_services
from koyjabo.counting.schemas.responses import StatsResponse, stats_or_304, writer
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.login.invitation_schemas import InvitedResponse, PanelRoleResponse
from koyjabo.people.accounts.services import account_services
from koyjabo.people.accounts.users.invitations import PanelRole
from koyjabo.people.models import Membership
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import as_response, json_response, list_response, no_content
from koyjabo.web.i18n import language
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import (
    ACTION_REFUSALS,
    BODY_REFUSALS,
    CHANGE_REFUSALS,
    COMMUNITY_REFUSALS,
    CSRF_REFUSALS,
    LOGIN_REFUSALS,
    TOKEN_REFUSALS,
)
from koyjabo.web.openapi.response_specs import ListOf, OneOf, ResponseSpec
from koyjabo.web.schemas.paging import PAGING_ARGUMENTS, Paging

bp = api_blueprint("communities")

declare(bp, "/api/communities", PathPolicy.ALLOWED_ORIGINS, tag="communities")
declare(bp, "/api/invitations", PathPolicy.ALLOWED_ORIGINS, tag="communities")


MEMBERSHIP_RESPONSES: dict[int, ResponseSpec] = {
    200: MemberResponse,
    201: MemberResponse,
    **BODY_REFUSALS,
    **CHANGE_REFUSALS,
    **COMMUNITY_REFUSALS,
    404: "community not found, or the user is not a member",
    409: "the last admin must remain an admin",
}

INVITATION_RESPONSES: dict[int, ResponseSpec] = {
    **TOKEN_REFUSALS,
    **CSRF_REFUSALS,
    404: "the invitation is not valid, or no longer valid",
}


def community_response(access: Access) -> CommunityResponse:
    return next(community_responses([access]))


def community_responses(accesses: Sequence[Access]) -> Iterator[CommunityResponse]:
    """Add the number of people online to each community."""
    online = community_services().people.online(*(access.community.id for access in accesses))
    return map(CommunityResponse.of, accesses, online)


@bp.get("/communities")
@describe(
    "List communities",
    {200: ListOf(CommunityResponse), 400: "no such page", **LOGIN_REFUSALS},
    query=PAGING_ARGUMENTS,
)
def list_communities() -> Response:
    """Listed communities and your own, ordered by number of members and then by name. Site admins get all communities.
    `X-Total-Count` has the total.
    """
    account, paging = tokens.require().account, Paging.of(request)
    page = community_services().directory.list(account, paging.start, paging.per_page)
    return list_response(community_responses(page.items), paging.headers(page.total))


@bp.post("/communities")
@describe(
    "Create a community",
    {
        201: CommunityResponse,
        409: "you have reached the limit of communities per account",
        **BODY_REFUSALS,
        **ACTION_REFUSALS,
        **LOGIN_REFUSALS,
        **CSRF_REFUSALS,
    },
    body=NewCommunityBody,
)
def create_community() -> Response:
    """Create a community. You become its admin."""
    account, body = tokens.require_account().account, NewCommunityBody.of(request)
    limits.count_action(account.id)
    access = community_services().directory.create(account, columns(body))
    return json_response(community_response(access), 201)


@bp.get("/communities/<community_id>")
@describe("Get a community", {200: CommunityResponse, **COMMUNITY_REFUSALS}, scope="communities:manage")
def get_community(community_id: str) -> Response:
    """Get a community. Only members can do this."""
    access = community_services().directory.require(tokens.require().account, community_id)
    return json_response(community_response(access))


@bp.patch("/communities/<community_id>")
@describe(
    "Change a community",
    {200: CommunityResponse, **BODY_REFUSALS, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS},
    body=CommunityChangesBody,
)
def change_community(community_id: str) -> Response:
    """Change a community. Only admins of the community can do this."""
    account = permitted(community_id, ADMIN)
    body = CommunityChangesBody.of(request)
    access = community_services().directory.change(account, community_id, columns(body))
    return json_response(community_response(access))


@bp.delete("/communities/<community_id>")
@describe("Delete a community", {204: None, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS})
def delete_community(community_id: str) -> Response:
    """Delete a community. Only its admins can do this. All memberships end. The community's visits still count for the
    site.
    """
    community_services().directory.delete(tokens.require_account().account, community_id)
    return no_content()


@bp.post("/communities/<community_id>/join")
@describe(
    "Join a community",
    {
        200: MembershipResponse,
        201: MembershipResponse,
        **BODY_REFUSALS,
        **CHANGE_REFUSALS,
        **COMMUNITY_REFUSALS,
        403: "invitation only",
    },
    body=JoinBody,
)
def join_community(community_id: str) -> Response:
    """Join an open community. Returns 201, or 200 if you are already a member; your role stays the same."""
    account, body = tokens.require_account().account, JoinBody.of(request)
    membership, is_new = community_services().members.join(account, community_id)
    if body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    return json_response(MembershipResponse.model_validate(membership), 201 if is_new else 200)


@bp.post("/communities/<community_id>/leave")
@describe(
    "Leave a community", {204: None, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS, 409: "the last admin cannot be removed"}
)
def leave_community(community_id: str) -> Response:
    """Leave a community. Returns 403 or 404 if you are not a member."""
    community_services().members.leave(tokens.require_account().account, community_id)
    return no_content()


@bp.get("/communities/<community_id>/members")
@describe(
    "List the members",
    {200: ListOf(MemberResponse), 400: "no such page", **COMMUNITY_REFUSALS},
    query=PAGING_ARGUMENTS,
    scope="communities:manage",
)
def list_members(community_id: str) -> Response:
    """List the members in the order they joined. Only members can do this. `X-Total-Count` has the total. The ETag is
    the tag of the whole list; send it in the If-Match header of a sync.
    """
    account, paging, members = tokens.require().account, Paging.of(request), community_services().members
    tag = members.list_tag(account, community_id)  # read first, so that a later change makes it outdated, not wrong
    page = members.page(account, community_id, paging.start, paging.per_page)
    headers = [*paging.headers(page.total), ("ETag", members_tag(tag))]
    return list_response((MemberResponse.of(member, account) for member in page.items), headers)


def members_tag(tag: str) -> str:
    return f'"{tag}"'


@bp.post("/communities/<community_id>/members")
@describe(
    "Invite a person by email",
    {202: InvitedResponse, **BODY_REFUSALS, **COMMUNITY_REFUSALS, **ACTION_REFUSALS},
    body=InvitationBody,
)
def invite_member(community_id: str) -> Response:
    """Invite a person by email. Only admins of the community can do this. The response is the same for every email. The
    person becomes a member when they accept, through the mailed link or their list of invitations. The link is valid
    for a week and can be used once. Inviting the same email again revokes the earlier link.
    """
    account = permitted(community_id, ADMIN)
    body = InvitationBody.of(request)
    limits.count_action(account.id)
    invited = community_services().invitations.invite(account, body.email, body.role, language(), community_id)
    return json_response(InvitedResponse.of(invited), 202)


@bp.put("/communities/<community_id>/members/<user_id>")
@describe("Change the role of a member", MEMBERSHIP_RESPONSES, body=RoleBody)
def set_role(community_id: str, user_id: str) -> Response:
    """Set a member's role. Only admins of the community can do this. Site admins can also add a user who is not a
    member, which returns 201.
    """
    account = permitted(community_id, ADMIN)
    body = RoleBody.of(request)
    return enrolled(account, *community_services().members.set_role(account, community_id, user_id, body.role))


@bp.delete("/communities/<community_id>/members/<user_id>")
@describe(
    "Remove a member", {204: None, **CHANGE_REFUSALS, **COMMUNITY_REFUSALS, 409: "the last admin cannot be removed"}
)
def remove_member(community_id: str, user_id: str) -> Response:
    """Remove a member. Only admins of the community can remove others; any member can leave."""
    community_services().members.remove(tokens.require_account().account, community_id, user_id)
    return no_content()


def enrolled(account: Account, member: Membership, role_before: str | None) -> Response:
    return json_response(MemberResponse.of(member, account), 201 if role_before is None else 200)


@bp.get("/auth/invitations")
@describe(
    "List your invitations",
    {200: ListOf(InvitationResponse), 400: "no such page", **TOKEN_REFUSALS},
    query=PAGING_ARGUMENTS,
)
def list_invitations() -> Response:
    """Invitations for your email: the one to the panel first, then the others, newest first. Empty until you have
    confirmed your email.
    """
    account, paging = tokens.require_account().account, Paging.of(request)
    invitations = account_services().received.page(account, paging.start, paging.per_page)
    return list_response(
        (InvitationResponse.of(*offer) for offer in invitations.items), paging.headers(invitations.total)
    )


@bp.post("/invitations/<token>/accept")
@describe(
    "Accept an invitation",
    {200: OneOf(MembershipResponse, PanelRoleResponse), 201: MembershipResponse, **INVITATION_RESPONSES},
)
def accept_invitation(token: str) -> Response:
    """Accept an invitation. Returns 201 for a new member, and 200 for an existing one, who gets the offered role if it
    is higher. For an invitation to the panel, returns 200 with your role. If this server requires two-step login for
    admins, a new admin who has not set it up has to log in again.
    """
    account = tokens.require_account().account
    accepted = account_services().received.of(token).accept(account, token)
    if isinstance(accepted, PanelRole):
        return json_response(PanelRoleResponse(user_id=accepted.user_id, role=accepted.role))
    membership, is_new = accepted
    return json_response(MembershipResponse.model_validate(membership), 201 if is_new else 200)


@bp.post("/invitations/<token>/decline")
@describe("Decline an invitation", {204: None, **INVITATION_RESPONSES})
def decline_invitation(token: str) -> Response:
    """Decline an invitation. Its link stops working."""
    account = tokens.require_account().account
    account_services().received.of(token).decline(account, token)
    return no_content()


class RealtimeResponse(BaseModel):
    """How many people are online in a community."""

    community_id: str
    current_online: int = Field(examples=[42])
    timestamp: str = Field(examples=["2025-12-16T04:48:38.412Z"])


class OnlineResponse(BaseModel):
    """A person who is online in a community."""

    user_id: str
    name: str
    since: str = Field(examples=["2025-12-16T04:48:38.412Z"])
    tabs: int = Field(description="open sockets; 0 during the grace period after a lost connection")


@bp.get("/communities/<community_id>/stats")
@describe(
    "Stats of a community",
    {200: StatsResponse, 304: None, **COMMUNITY_REFUSALS},
    headers={"If-None-Match": "an ETag from an earlier response"},
    scope="stats:read",
)
def community_stats(community_id: str) -> Response:
    """The stats of the community's visits. Only members can read them."""
    scope = _entered(community_id, MEMBER)
    stats = writer.write(current()[Visits].community(scope).stats())
    response = as_response(stats_or_304(request.environ, stats))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@bp.get("/communities/<community_id>/visitors/realtime")
@describe("Count the people online", {200: RealtimeResponse, **COMMUNITY_REFUSALS}, scope="presence:read")
def realtime(community_id: str) -> Response:
    """The number of people with an open socket in the community. Each person counts once. Only members can read it,
    unless `public_count` is true.
    """
    with suppress(Unauthenticated):
        tokens.require()  # any credentials sent must be valid
    try:
        scope = Scope(community_services().directory.with_public_count(community_id).id)
    except UnknownCommunity:
        scope = _entered(community_id, MEMBER)
    (online,) = community_services().people.online(scope)
    at = iso(current().clock.now_ms())
    return json_response(RealtimeResponse(community_id=scope, current_online=online, timestamp=at))


@bp.get("/communities/<community_id>/visitors/online")
@describe(
    "List the people online",
    {200: ListOf(OnlineResponse), 400: "no such page or order", **COMMUNITY_REFUSALS},
    query={
        **PAGING_ARGUMENTS,
        "order": f"{', '.join(PEOPLE_ORDERS)}; default {OLDEST_FIRST}",
        "query": "words in the name, ignoring case",
    },
    scope="presence:read",
)
def who_is_online(community_id: str) -> Response:
    """The people online in the community. Only moderators can read the list. If there are more than 10,000, it contains
    the first 10,000 to arrive.
    """
    scope, paging, order = (
        _entered(community_id, MODERATOR),
        Paging.of(request),
        request.args.get("order", OLDEST_FIRST),
    )
    if order not in PEOPLE_ORDERS:
        raise InvalidInput(details={"order": f"must be one of {', '.join(PEOPLE_ORDERS)}"})
    text = request.args.get("query", "").strip()
    page = community_services().people.page(scope, paging.start, paging.per_page, text, order)
    return list_response(
        (OnlineResponse.model_validate(person.as_object()) for person in page.items), paging.headers(page.total)
    )


def permitted(community_id: str, role: str) -> Account:
    """The caller, if they have at least `role` in the community. Call this before parsing the body (specification:
    Errors).
    """
    account = tokens.require_account().account
    community_services().directory.require(account, community_id, role)
    return account


def _entered(community_id: str, role: str) -> Scope:
    """The scope of a community, if the user has at least `role` there."""
    return community_services().directory.require(tokens.require().account, community_id, role).scope
