"""The panel's sections and their pages, for the navigation, a section's tabs and the command menu."""

from operator import attrgetter
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.ui.breakdowns import ALL
from koyjabo.web.current import admin as bp
from koyjabo.web.panel.shortcuts import SHORTCUTS, Shortcut


class PanelPage(NamedTuple):
    """A page in a section. Its templates and its subpages' templates name it in their `room` block."""

    name: str  # the endpoint, without "admin."
    label: LazyString
    for_admins: bool = False  # hidden from viewers
    shortcuts: tuple[Shortcut, ...] = ()


class PanelSection(NamedTuple):
    """A navigation item. It opens its first page; if there are several pages, they are shown as tabs."""

    label: LazyString
    icon: str
    pages: tuple[PanelPage, ...]

    def has(self, name: str) -> bool:
        return any(page.name == name for page in self.pages)


REPORT_SHORTCUTS = tuple(Shortcut(card.label, "overview", f"insights-{card.name}") for card in ALL)
RECEIPT_SHORTCUTS = (
    Shortcut(_("Is this number right?"), "pages.receipt"),
    Shortcut(_("Recount"), "pages.receipt", "recount-label"),
    Shortcut(_("Change the total"), "pages.receipt", "change-total", for_admins=True),
)
COMMUNITY_SHORTCUTS = (Shortcut(_("New community"), "new_community", for_admins=True),)
CONNECT_SHORTCUTS = (
    Shortcut(_("Keys"), "connect", "keys", for_admins=True, rank=2),
    Shortcut(_("New key"), "new_key", for_admins=True, rank=4),
)
SERVER_SHORTCUTS = (
    Shortcut(_("Time zone"), "server", "zone"),
    Shortcut(_("Email"), "server", "mail"),
)
DATA_SHORTCUTS = (
    Shortcut(_("Export"), "data", "export-label", for_admins=True),
    Shortcut(_("Backups"), "data", "backups-label"),
    Shortcut(_("Erase a visitor"), "data", "erasure-label", for_admins=True),
)

SECTIONS = (
    PanelSection(
        _("Overview"),
        "gauge",
        (PanelPage("overview", _("Overview"), shortcuts=(*REPORT_SHORTCUTS, *RECEIPT_SHORTCUTS)),),
    ),
    PanelSection(_("Visits"), "list", (PanelPage("visits", _("Visits")),)),
    PanelSection(
        _("Communities"), "users", (PanelPage("communities", _("Communities"), shortcuts=COMMUNITY_SHORTCUTS),)
    ),
    PanelSection(_("People"), "user", (PanelPage("users", _("People")), PanelPage("audit", _("Audit log")))),
    PanelSection(_("Connect"), "plus", (PanelPage("connect", _("Connect"), shortcuts=CONNECT_SHORTCUTS),)),
    PanelSection(
        _("Server"),
        "activity",
        (
            PanelPage("server", _("Server"), shortcuts=SERVER_SHORTCUTS),
            PanelPage("data", _("Data"), shortcuts=DATA_SHORTCUTS),
        ),
    ),
)


@bp.app_context_processor
def of_pages() -> dict[str, Any]:
    """Values for the layout of the panel's pages."""
    return {"panel_sections": sections, "panel_room": room}


def sections(may_change: bool) -> list[PanelSection]:
    """The sections, with the pages that an admin (`may_change`) or a viewer may open."""
    return [
        section._replace(pages=tuple(page for page in section.pages if may_change or not page.for_admins))
        for section in SECTIONS
    ]


def room(path: str) -> str:
    """The name of the page that an action's path belongs to: the page with the longest matching path. `path` begins
    with the application's prefix, if there is one.
    """
    paths = {url_for(f"admin.{page.name}"): page.name for section in SECTIONS for page in section.pages}
    return paths[max((start for start in paths if f"{path}/".startswith(f"{start.rstrip('/')}/")), key=len)]


def shortcuts(may_change: bool) -> list[Shortcut]:
    """The command menu's entries for an admin (`may_change`) or a viewer: pages, then their parts."""
    pages = [page for section in sections(may_change) for page in section.pages]
    by_page = (sorted((*page.shortcuts, *SHORTCUTS[page.name]), key=attrgetter("rank")) for page in pages)
    parts = (part for shortcuts in by_page for part in shortcuts if may_change or not part.for_admins)
    return [*(Shortcut(page.label, page.name) for page in pages), *parts]
