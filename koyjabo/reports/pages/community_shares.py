"""/communities/…/shares: list, make and end share links of a community, for its moderators."""

from __future__ import annotations

from functools import partial

from flask import Response

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.reports.ui.share_forms import ShareDesk
from koyjabo.webkit.blueprints import pages as bp


@bp.get("/communities/<community_id>/shares")
def community_shares(community_id: str) -> Response:
    return _desk(community_id).list()


@bp.get("/communities/<community_id>/shares/new")
def new_share(community_id: str) -> Response:
    return _desk(community_id).new()


@bp.post("/communities/<community_id>/shares/new")
def create_share(community_id: str) -> Response:
    return _desk(community_id).create()


@bp.post("/communities/<community_id>/shares/<share_id>/end")
def end_share(community_id: str, share_id: str) -> Response:
    return _desk(community_id).end(share_id)


def _desk(community_id: str) -> ShareDesk:
    at = member_forms.enter(community_id, MODERATOR)
    show = partial(member_forms.page, at=at)
    return ShareDesk(at.account, show, "pages.community_shares", {"community_id": at.community.id})
