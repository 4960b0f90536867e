"""The look of a site: its mark, and the icons and share picture in its colours (specification: A look of one's own).
`base.colours` derives the colours.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

COMMANDS = {"mark": "cli:mark"}
INTERFACES = ("pages", "admin")
TABLES = ("models",)
FILLS = {
    "people.audit.log:ACTION_LABELS": "site_marks:MARK_ACTIONS",
    "web.assets.asset_tags:APP_ICONS": "pages:LOOK_ICONS",
    "web.panel.server_page:SERVER_ROWS": "admin:MARK_PARTS",
}


def register(base: "Base") -> None:
    """Follow the mark that any worker or server stores."""
    from .site_marks import MARK_POLL_S, SiteMarks

    marks = base.services.add(SiteMarks(base))
    base.every(MARK_POLL_S, marks.refresh)
