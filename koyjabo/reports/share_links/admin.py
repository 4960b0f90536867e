"""The panel's pages for share links, their list on the page Connect, and the link to them from the panel's reports."""

from functools import partial
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _

from koyjabo.reports.ui.report_context import COMMUNITY_REPORTS, SITE_OVERVIEW, ReportContext
from koyjabo.reports.ui.view_links import ViewLink
from koyjabo.web.current import current
from koyjabo.web.pages import pagination
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, page
from .pages.desk import ShareDesk, add_desk, chips_of, url_of
from .share_links import ShareLinks

bp = panel_blueprint("shares")


def _new_share(base: ReportContext) -> str:
    if base.name == COMMUNITY_REPORTS:
        return url_for("pages_community_shares.new_share", community_id=base.scope)
    return url_for("panel_shares.new_share") if base.name == SITE_OVERVIEW.name and me().is_admin else ""


def _listed() -> dict[str, Any]:
    read = partial(current()[ShareLinks].page, me())
    return {"share_page": pagination.list_page(read), "chips_of": chips_of, "url_of": url_of}


add_desk(bp, "/connect/shares", "", lambda: ShareDesk(me(), page, "panel_connect.connect"))
SHARE_LINKS = {"share": ViewLink(_("Share this view"), "upload", _new_share)}
SHARE_PARTS = {
    "share_links/connect.html": PagePart("connect", _listed, rank=1),
    "share_links/first_day.html": PagePart("first_day"),
}
