"""The panel's pages for share links."""

from koyjabo.reports.pages.share_links import ShareDesk, add_desk
from koyjabo.web.current import admin as bp
from koyjabo.web.panel.pages import me, page


def _desk() -> ShareDesk:
    return ShareDesk(me(), page, "admin.install")


add_desk(bp, "/connect/shares", "", _desk)
