"""/communities/…/shares: the share links of a community, for its moderators."""

from functools import partial

from flask import url_for
from flask_babel import lazy_gettext as _

from koyjabo.communities import ui as member_forms
from koyjabo.communities.roles import MODERATOR
from koyjabo.reports.ui.report_context import COMMUNITY_REPORTS, ReportContext
from koyjabo.reports.ui.view_links import VIEW_LINKS, ViewLink
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.pages.page_parts import add_part
from .desk import ShareDesk, add_desk

bp = pages_blueprint("community_shares")


def _desk(community_id: str) -> ShareDesk:
    at = member_forms.enter(community_id, MODERATOR)
    show = partial(member_forms.page, at=at)
    return ShareDesk(at.account, show, "pages_community_shares.community_shares", {"community_id": at.community.id})


def _new_share(base: ReportContext) -> str:
    return (
        url_for("pages_community_shares.new_share", community_id=base.scope) if base.name == COMMUNITY_REPORTS else ""
    )


add_desk(bp, "/communities/<community_id>/shares", "community_shares", _desk)
add_part("community_settings", "share_links/community_settings.html")
VIEW_LINKS.append(ViewLink("share", _("Share this view"), "upload", _new_share))
