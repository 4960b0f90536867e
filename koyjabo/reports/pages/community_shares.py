"""/communities/…/shares: list, make and end share links of a community, for its moderators."""

from __future__ import annotations

from flask import Response, url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.communities.ui import EnteredCommunity
from koyjabo.reports.ui import share_forms
from koyjabo.reports.ui.share_forms import NewShare
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.pages.flash import done


@bp.get("/communities/<community_id>/shares")
def community_shares(community_id: str) -> Response:
    at = member_forms.enter(community_id, MODERATOR)
    return member_forms.page("reports/community_shares", at, found=share_forms.listed(at.account, at.community.id))


@bp.get("/communities/<community_id>/shares/new")
def new_share(community_id: str) -> Response:
    return _show(member_forms.enter(community_id, MODERATOR), share_forms.new())


@bp.post("/communities/<community_id>/shares/new")
def create_share(community_id: str) -> Response:
    """Shows the link, which is not stored."""
    at = member_forms.enter(community_id, MODERATOR)
    return _show(at, share_forms.create(at.account, at.community.id))


@bp.post("/communities/<community_id>/shares/<share_id>/end")
def end_share(community_id: str, share_id: str) -> Response:
    at = member_forms.enter(community_id, MODERATOR)
    back = url_for("pages.community_shares", community_id=at.community.id)
    ended = share_forms.end(at.account, share_id, back)
    return done("share_ended", "pages.community_shares", ended.name, community_id=at.community.id)


def _show(at: EnteredCommunity, new: NewShare) -> Response:
    return member_forms.page("reports/new_community_share", at, new.status, new=new, ranges=share_forms.ranges())
