"""Share links show reports to people without an account. Begin with `share_links.py`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("api", "pages.community_shares", "pages.shared_report", "pages.stream", "admin")
TABLES = ("models",)
UPKEEP = ("upkeep_queries:ShareRules",)
FILLS = {
    "base.core.close_codes:CODES_BY_ERROR": "pages.stream:SHARE_CODES",
    "people.audit.log:ACTION_LABELS": "share_links:SHARE_ACTIONS",
    "people.audit.log:SUBJECT_LABELS": "share_links:SHARE_SUBJECTS",
    "web.pages.page_parts:PAGE_PARTS": "admin:SHARE_PARTS",
    "sockets.websocket_routes:STREAM_FACTORIES": "pages.stream:SHARE_STREAMS",
    "reports.ui.view_links:VIEW_LINKS": "admin:SHARE_LINKS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import CONNECT_SECTION, Navigation, Shortcut
    from .share_links import ShareLinks

    base.services.add(ShareLinks(base))
    shares = Shortcut(N_("Share links"), CONNECT_SECTION, "shares", for_admins=True, rank=1)
    new_share = Shortcut(N_("New share link"), "panel_shares.new_share", for_admins=True, rank=3)
    base.services[Navigation].add_shortcuts(CONNECT_SECTION, shares, new_share)
