"""/api/auth/invitations, /api/invitations/{token}: see, accept and decline invitations."""

from __future__ import annotations

from flask import Response, request

from koyjabo.communities.schemas import InvitationAnswer, MembershipAnswer
from koyjabo.communities.services import CommunityServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer, no_answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CSRF, TOKEN, Answer, ListOf, describe
from koyjabo.webkit.schemas.paging import QUERY, Paging

ANSWERED: dict[int, Answer] = {**TOKEN, **CSRF, 404: "the invitation is not valid, or not any more"}


@bp.get("/auth/invitations")
@describe("List your invitations", {200: ListOf(InvitationAnswer), 400: "no such page", **TOKEN}, query=QUERY)
def list_invitations() -> Response:
    """Invitations for your email, newest first; none until you have confirmed that it is yours."""
    account, paging = tokens.require().account, Paging.of(request)
    invitations = current()[CommunityServices].invitations.page(account, paging.start, paging.per_page)
    return list_answer((InvitationAnswer.of(*each) for each in invitations.items), paging.headers(invitations.total))


@bp.post("/invitations/<token>/accept")
@describe("Accept an invitation", {200: MembershipAnswer, 201: MembershipAnswer, **ANSWERED})
def accept_invitation(token: str) -> Response:
    """201, or 200 for a member, who gets the role if it is higher."""
    offer, enrolment = current()[CommunityServices].invitations.accept(tokens.require().account, token)
    return answer(MembershipAnswer.of(offer.community_id, enrolment.member), 201 if enrolment.is_new else 200)


@bp.post("/invitations/<token>/decline")
@describe("Decline an invitation", {204: None, **ANSWERED})
def decline_invitation(token: str) -> Response:
    """The link is not valid any more."""
    current()[CommunityServices].invitations.decline(tokens.require().account, token)
    return no_answer()
