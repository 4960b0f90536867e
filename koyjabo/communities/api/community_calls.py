"""/api/communities and /api/invitations: communities, members, people online, and invitations."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

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
from koyjabo.web.http.responses import as_response, json_response, list_response
from koyjabo.web.i18n import language
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.call import BY_ACCOUNT, BY_ANYONE, call
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import ACTION_REFUSALS, COMMUNITY_REFUSALS, CSRF_REFUSALS, TOKEN_REFUSALS, Caller
from koyjabo.web.openapi.response_specs import ListOf, OneOf, ResponseSpec
from koyjabo.web.schemas.paging import PAGING_ARGUMENTS, Paging

bp = api_blueprint("communities")

declare(bp, "/api/communities", PathPolicy.ALLOWED_ORIGINS, tag="communities")
declare(bp, "/api/invitations", PathPolicy.ALLOWED_ORIGINS, tag="communities")


BY_ANY_READER, BY_MEMBER = (caller._replace(refusals=COMMUNITY_REFUSALS) for caller in (BY_ANYONE, BY_ACCOUNT))

LAST_ADMIN: dict[int, ResponseSpec] = {409: "the last admin cannot be removed"}

INVITATION_RESPONSES: dict[int, ResponseSpec] = {
    **TOKEN_REFUSALS,
    **CSRF_REFUSALS,
    404: "the invitation is not valid, or no longer valid",
}


def by_role(role: str) -> Caller:
    """An account with at least `role` in the community."""

    def authenticate(community_id: str, **_: str) -> Account:
        account = tokens.require_account().account
        community_services().directory.require(account, community_id, role)
        return account

    return Caller(authenticate, COMMUNITY_REFUSALS)


def by_reader(role: str) -> Caller:
    """Anyone with at least `role` in the community. The handler gets the community's scope."""
    return Caller(partial(_entered, role), COMMUNITY_REFUSALS)


def _entered(role: str, community_id: str) -> Scope:
    return community_services().directory.require(tokens.require().account, community_id, role).scope


def community_response(access: Access) -> CommunityResponse:
    return next(community_responses([access]))


def community_responses(accesses: Sequence[Access]) -> Iterator[CommunityResponse]:
    """Add the number of people online to each community."""
    online = community_services().people.online(*(access.community.id for access in accesses))
    return map(CommunityResponse.of, accesses, online)


@bp.get("/communities")
@call("List communities", BY_ANYONE, {200: ListOf(CommunityResponse), 400: "no such page"}, query=PAGING_ARGUMENTS)
def list_communities(account: Account) -> Response:
    """Listed communities and your own, ordered by number of members and then by name. Site admins get all communities.
    `X-Total-Count` has the total.
    """
    paging = Paging.of(request)
    page = community_services().directory.list(account, paging.start, paging.per_page)
    return list_response(community_responses(page.items), paging.headers(page.total))


@bp.post("/communities")
@call(
    "Create a community",
    BY_ACCOUNT,
    {409: "you have reached the limit of communities per account", **ACTION_REFUSALS, **CSRF_REFUSALS},
    status=201,
)
def create_community(account: Account, body: NewCommunityBody) -> CommunityResponse:
    """Create a community. You become its admin."""
    limits.count_account("actions", account.id)
    return community_response(community_services().directory.create(account, columns(body)))


@bp.get("/communities/<community_id>")
@call("Get a community", BY_ANY_READER, scope="communities:manage")
def get_community(account: Account, community_id: str) -> CommunityResponse:
    """Get a community. Only members can do this."""
    return community_response(community_services().directory.require(account, community_id))


@bp.patch("/communities/<community_id>")
@call("Change a community", by_role(ADMIN))
def change_community(account: Account, community_id: str, body: CommunityChangesBody) -> CommunityResponse:
    """Change a community. Only admins of the community can do this."""
    return community_response(community_services().directory.change(account, community_id, columns(body)))


@bp.delete("/communities/<community_id>")
@call("Delete a community", BY_MEMBER)
def delete_community(account: Account, community_id: str) -> None:
    """Delete a community. Only its admins can do this. All memberships end. The community's visits still count for the
    site.
    """
    community_services().directory.delete(account, community_id)


@bp.post("/communities/<community_id>/join")
@call("Join a community", BY_MEMBER, {200: MembershipResponse, 201: MembershipResponse, 403: "invitation only"})
def join_community(account: Account, community_id: str, body: JoinBody) -> Response:
    """Join an open community. Returns 201, or 200 if you are already a member; your role stays the same."""
    membership, is_new = community_services().members.join(account, community_id)
    if body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    return json_response(MembershipResponse.model_validate(membership), 201 if is_new else 200)


@bp.post("/communities/<community_id>/leave")
@call("Leave a community", BY_MEMBER, LAST_ADMIN)
def leave_community(account: Account, community_id: str) -> None:
    """Leave a community. Returns 403 or 404 if you are not a member."""
    community_services().members.leave(account, community_id)


@bp.get("/communities/<community_id>/members")
@call(
    "List the members",
    BY_ANY_READER,
    {200: ListOf(MemberResponse), 400: "no such page"},
    query=PAGING_ARGUMENTS,
    scope="communities:manage",
)
def list_members(account: Account, community_id: str) -> Response:
    """List the members in the order they joined. Only members can do this. `X-Total-Count` has the total. The ETag is
    the tag of the whole list; send it in the If-Match header of a sync.
    """
    paging, members = Paging.of(request), community_services().members
    tag = members.list_tag(account, community_id)  # read first, so that a later change makes it outdated, not wrong
    page = members.page(account, community_id, paging.start, paging.per_page)
    headers = [*paging.headers(page.total), ("ETag", members_tag(tag))]
    return list_response((MemberResponse.of(member, account) for member in page.items), headers)


def members_tag(tag: str) -> str:
    return f'"{tag}"'


@bp.post("/communities/<community_id>/members")
@call("Invite a person by email", by_role(ADMIN), ACTION_REFUSALS, status=202)
def invite_member(account: Account, community_id: str, body: InvitationBody) -> InvitedResponse:
    """Invite a person by email. Only admins of the community can do this. The response is the same for every email. The
    person becomes a member when they accept, through the mailed link or their list of invitations. The link is valid
    for a week and can be used once. Inviting the same email again revokes the earlier link.
    """
    limits.count_account("actions", account.id)
    invitations = community_services().invitations
    return InvitedResponse.of(invitations.invite(account, body.email, body.role, language(), community_id))


@bp.put("/communities/<community_id>/members/<user_id>")
@call(
    "Change the role of a member",
    by_role(ADMIN),
    {
        200: MemberResponse,
        201: MemberResponse,
        404: "community not found, or the user is not a member",
        409: "the last admin must remain an admin",
    },
)
def set_role(account: Account, community_id: str, user_id: str, body: RoleBody) -> Response:
    """Set a member's role. Only admins of the community can do this. Site admins can also add a user who is not a
    member, which returns 201.
    """
    return enrolled(account, *community_services().members.set_role(account, community_id, user_id, body.role))


@bp.delete("/communities/<community_id>/members/<user_id>")
@call("Remove a member", BY_MEMBER, LAST_ADMIN)
def remove_member(account: Account, community_id: str, user_id: str) -> None:
    """Remove a member. Only admins of the community can remove others; any member can leave."""
    community_services().members.remove(account, community_id, user_id)


def enrolled(account: Account, member: Membership, role_before: str | None) -> Response:
    return json_response(MemberResponse.of(member, account), 201 if role_before is None else 200)


@bp.get("/auth/invitations")
@call(
    "List your invitations",
    BY_ACCOUNT,
    {200: ListOf(InvitationResponse), 400: "no such page", **TOKEN_REFUSALS},
    query=PAGING_ARGUMENTS,
)
def list_invitations(account: Account) -> Response:
    """Invitations for your email: the one to the panel first, then the others, newest first. Empty until you have
    confirmed your email.
    """
    paging = Paging.of(request)
    invitations = account_services().received.page(account, paging.start, paging.per_page)
    return list_response(
        (InvitationResponse.of(*offer) for offer in invitations.items), paging.headers(invitations.total)
    )


@bp.post("/invitations/<token>/accept")
@call(
    "Accept an invitation",
    BY_ACCOUNT,
    {200: OneOf(MembershipResponse, PanelRoleResponse), 201: MembershipResponse, **INVITATION_RESPONSES},
)
def accept_invitation(account: Account, token: str) -> Response:
    """Accept an invitation. Returns 201 for a new member, and 200 for an existing one, who gets the offered role if it
    is higher. For an invitation to the panel, returns 200 with your role. If this server requires two-step login for
    admins, a new admin who has not set it up has to log in again.
    """
    accepted = account_services().received.of(token).accept(account, token)
    if isinstance(accepted, PanelRole):
        return json_response(PanelRoleResponse(user_id=accepted.user_id, role=accepted.role))
    membership, is_new = accepted
    return json_response(MembershipResponse.model_validate(membership), 201 if is_new else 200)


@bp.post("/invitations/<token>/decline")
@call("Decline an invitation", BY_ACCOUNT, INVITATION_RESPONSES)
def decline_invitation(account: Account, token: str) -> None:
    """Decline an invitation. Its link stops working."""
    account_services().received.of(token).decline(account, token)


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
    appears_offline: bool = Field(False, description="only if you do, and for yourself; otherwise missing")


@bp.get("/communities/<community_id>/stats")
@call(
    "Stats of a community",
    by_reader(MEMBER),
    {200: StatsResponse, 304: None},
    headers={"If-None-Match": "an ETag from an earlier response"},
    scope="stats:read",
)
def community_stats(scope: Scope, community_id: str) -> Response:
    """The stats of the community's visits. Only members can read them."""
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
        scope = _entered(MEMBER, community_id)
    (online,) = community_services().people.online(scope)
    at = iso(current().clock.now_ms())
    return json_response(RealtimeResponse(community_id=scope, current_online=online, timestamp=at))


def _who_sees_people(community_id: str) -> Access:
    access = community_services().directory.require(tokens.require().account, community_id)
    if not access.sees_people:
        access.require(MODERATOR)
    return access


@bp.get("/communities/<community_id>/visitors/online")
@call(
    "List the people online",
    Caller(_who_sees_people, COMMUNITY_REFUSALS),
    {200: ListOf(OnlineResponse), 400: "no such page or order", 429: "too many reports at once; see Retry-After"},
    query={
        **PAGING_ARGUMENTS,
        "order": f"{', '.join(PEOPLE_ORDERS)}; default {OLDEST_FIRST}",
        "query": "words in the name, ignoring case",
    },
    scope="presence:read",
)
def who_is_online(at: Access, community_id: str) -> Response:
    """The people online in the community, without those who appear offline, except yourself. Only moderators and, if
    `members_see_online` is true, members can read the list. If there are more than 10,000, it contains the first 10,000
    to arrive.
    """
    limits.count_account("reports", at.account.id)
    paging, order = Paging.of(request), request.args.get("order", OLDEST_FIRST)
    if order not in PEOPLE_ORDERS:
        raise InvalidInput(details={"order": f"must be one of {', '.join(PEOPLE_ORDERS)}"})
    text = request.args.get("query", "").strip()
    page = community_services().people.page(at.scope, paging.start, paging.per_page, text, order, at.account.id)
    return list_response(
        (OnlineResponse.model_validate(person.as_object()) for person in page.items), paging.headers(page.total)
    )
