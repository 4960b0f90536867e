"""/invitations/…: the page of an invitation's link, and the answers to it; admins withdraw invitations."""

from __future__ import annotations

from flask import Response, make_response, render_template

from koyjabo.communities.services import CommunityServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.flash import done


@bp.get("/invitations/<token>")
def invitation(token: str) -> Response:
    """Without a login, the page says only that there is an invitation."""
    offer = current()[CommunityServices].invitations.get(token) if page_login.login() else None
    page = make_response(render_template("communities/invitation.html", offer=offer, token=token))
    page.headers["X-Robots-Tag"] = "noindex"
    return page


@bp.post("/invitations/<token>/accept")
def accept_invitation(token: str) -> Response:
    offer, _ = current()[CommunityServices].invitations.accept(page_login.require(), token)
    return done("joined", "pages.community", offer.community, community_id=offer.community_id)


@bp.post("/invitations/<token>/decline")
def decline_invitation(token: str) -> Response:
    current()[CommunityServices].invitations.decline(page_login.require(), token)
    return done("declined", "pages.account")


@bp.post("/communities/<community_id>/invitations/<invitation_id>/withdraw")
def withdraw_invitation(community_id: str, invitation_id: str) -> Response:
    current()[CommunityServices].invitations.withdraw(page_login.require(), community_id, invitation_id)
    return done("withdrawn", "pages.members", community_id=community_id)
