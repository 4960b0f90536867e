"""/communities/…/shares: the share links of a community, for its moderators."""

from functools import partial

from flask import url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.reports.ui.report_context import COMMUNITY_REPORTS, ReportContext
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.pages.page_parts import add_part
from .desk import ShareDesk, add_desk

bp = pages_blueprint("community_shares")


def _desk(community_id: str) -> ShareDesk:
    at = member_forms.enter(community_id, MODERATOR)
    args = {"community_id": at.community.id}
    return ShareDesk(at.account, partial(member_forms.page, at=at), "pages_community_shares.community_shares", args)


def _new_share(base: ReportContext) -> str:
    return (
        url_for("pages_community_shares.new_share", community_id=base.scope) if base.name == COMMUNITY_REPORTS else ""
    )


add_desk(bp, "/communities/<community_id>/shares", "community_shares", _desk, _new_share)
add_part("community_settings", "share_links/community_settings.html")
