"""/api/communities/…/join, /leave, /members: the members of a community."""

from __future__ import annotations

from flask import Response, request

from koyjabo.communities.communities import Enrolment
from koyjabo.communities.schemas import (
    InvitationBody,
    InvitedAnswer,
    JoinBody,
    MemberAnswer,
    MembershipAnswer,
    RoleBody,
)
from koyjabo.communities.services import CommunityServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer, no_answer
from koyjabo.webkit.i18n import language
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CHANGE, INSIDE, TOO_MANY, WITH_BODY, Answer, ListOf, describe
from koyjabo.webkit.pages import links
from koyjabo.webkit.schemas.paging import QUERY, Paging

ENROLLED: dict[int, Answer] = {
    200: MemberAnswer,
    201: MemberAnswer,
    **WITH_BODY,
    **CHANGE,
    **INSIDE,
    404: "community not found, or the user is not a member of it",
    409: "the last admin must stay admin",
}


@bp.post("/communities/<community_id>/join")
@describe(
    "Join a community",
    {200: MembershipAnswer, 201: MembershipAnswer, **WITH_BODY, **CHANGE, **INSIDE, 403: "invitation only"},
    body=JoinBody,
)
def join_community(community_id: str) -> Response:
    """Open communities only. 201, or 200 for members, whose role stays."""
    account, body = tokens.require().account, JoinBody.of(request)
    enrolment = current()[CommunityServices].directory.join(account, community_id)
    if body.visitorId is not None:
        current().signals.visitor_identified.send(account.id, visitor_id=body.visitorId, environ=request.environ)
    return answer(MembershipAnswer.of(community_id.lower(), enrolment.member), 201 if enrolment.is_new else 200)


@bp.post("/communities/<community_id>/leave")
@describe("Leave a community", {204: None, **CHANGE, **INSIDE, 409: "the last admin cannot be removed"})
def leave_community(community_id: str) -> Response:
    """204; 403 or 404 if you are not a member."""
    current()[CommunityServices].directory.leave(tokens.require().account, community_id)
    return no_answer()


@bp.get("/communities/<community_id>/members")
@describe("List the members", {200: ListOf(MemberAnswer), 400: "no such page", **INSIDE}, query=QUERY)
def list_members(community_id: str) -> Response:
    """For members. In the order of joining. `X-Total-Count` is their number."""
    account, paging = tokens.require().account, Paging.of(request)
    page = current()[CommunityServices].directory.members(account, community_id, paging.start, paging.per_page)
    return list_answer(map(MemberAnswer.of, page.items), paging.headers(page.total))


@bp.post("/communities/<community_id>/members")
@describe("Invite a person by email", {202: InvitedAnswer, **WITH_BODY, **INSIDE, **TOO_MANY}, body=InvitationBody)
def invite_member(community_id: str) -> Response:
    """For admins. The answer is the same for every email. The person becomes a member by accepting: by the link, which
    is good for a week and once, or in their list of invitations. Inviting the same email again ends the earlier link.
    """
    account, body = tokens.require().account, InvitationBody.of(request)
    limits.count_action(account.id)
    made = current()[CommunityServices].invitations.invite(account, community_id, body.email, body.role, language())
    return answer(
        InvitedAnswer(status="invited", link=links.to("pages.invitation", token=made.token), mail=made.mail), 202
    )


@bp.put("/communities/<community_id>/members/<user_id>")
@describe("Change the role of a member", ENROLLED, body=RoleBody)
def set_role(community_id: str, user_id: str) -> Response:
    """For admins. For a site admin, a user who is not a member becomes one: 201."""
    account, body = tokens.require().account, RoleBody.of(request)
    return _enrolled(current()[CommunityServices].directory.set_role(account, community_id, user_id, body.role))


@bp.delete("/communities/<community_id>/members/<user_id>")
@describe("Remove a member", {204: None, **CHANGE, **INSIDE, 409: "the last admin cannot be removed"})
def remove_member(community_id: str, user_id: str) -> Response:
    """For admins; all members can end their own membership."""
    current()[CommunityServices].directory.remove_member(tokens.require().account, community_id, user_id)
    return no_answer()


def _enrolled(enrolment: Enrolment) -> Response:
    return answer(MemberAnswer.of(enrolment.member), 201 if enrolment.is_new else 200)
