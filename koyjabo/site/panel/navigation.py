"""The panel's sections and their pages, for the navigation, a section's tabs and the command menu. The menu also finds
communities, users and visits: as JSON or, without scripts, on a page.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from flask import Response, request, url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import encode
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.ui.breakdowns import ALL
from koyjabo.reports.visits import search_terms
from koyjabo.reports.visits.services import VisitListServices
from koyjabo.web.current import admin as bp, current
from koyjabo.web.i18n import count, name_of, place, speaking
from koyjabo.web.limits import limits
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import me, page
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


REPORTS = tuple(Shortcut(card.label, "overview", f"insights-{card.name}") for card in ALL)
RECEIPT = (
    Shortcut(_("Is this number right?"), "pages.receipt"),
    Shortcut(_("Recount"), "pages.receipt", "recount-label"),
    Shortcut(_("Change the total"), "pages.receipt", "change-total", for_admins=True),
)
COMMUNITIES = (Shortcut(_("New community"), "new_community", for_admins=True),)
CONNECT = (
    Shortcut(_("Keys"), "connect", "keys", for_admins=True, rank=2),
    Shortcut(_("New key"), "new_key", for_admins=True, rank=4),
)
SERVER = (
    Shortcut(_("Time zone"), "server", "zone"),
    Shortcut(_("Email"), "server", "mail"),
)
DATA = (
    Shortcut(_("Export"), "data", "export-label", for_admins=True),
    Shortcut(_("Backups"), "data", "backups-label"),
    Shortcut(_("Erase a visitor"), "data", "erasure-label", for_admins=True),
)

SECTIONS = (
    PanelSection(_("Overview"), "gauge", (PanelPage("overview", _("Overview"), shortcuts=(*REPORTS, *RECEIPT)),)),
    PanelSection(_("Visits"), "list", (PanelPage("visits", _("Visits")),)),
    PanelSection(_("Communities"), "users", (PanelPage("communities", _("Communities"), shortcuts=COMMUNITIES),)),
    PanelSection(_("People"), "user", (PanelPage("users", _("People")), PanelPage("audit", _("Audit log")))),
    PanelSection(_("Connect"), "plus", (PanelPage("connect", _("Connect"), shortcuts=CONNECT),)),
    PanelSection(
        _("Server"),
        "activity",
        (
            PanelPage("server", _("Server"), shortcuts=SERVER),
            PanelPage("data", _("Data"), shortcuts=DATA),
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


MAX_RESULTS = 5
"""Maximum number of results of each kind."""

LONGEST = 100

FOUND_PAGES, FOUND_COMMUNITIES, FOUND_USERS, FOUND_VISITS = _("Pages"), _("Communities"), _("People"), _("Visits")


class Result(NamedTuple):
    kind: LazyString
    label: str
    detail: str
    url: str


@bp.get("/search")
@for_viewers
def search() -> Response:
    """Search for `q`. Each request counts towards the account's limit on reports."""
    results = [{**result._asdict(), "kind": str(result.kind)} for result in _results(_query())]
    return Response(encode({"results": results}), mimetype="application/json")


@bp.get("/find")
@for_viewers
def find() -> Response:
    query = _query()
    return page("panel/find", query=query, results=_results(query))


def _query() -> str:
    limits.count_report(me().id)
    return request.args.get("q", "").strip()[:LONGEST]


def _results(query: str) -> list[Result]:
    """All results; without a query, the sections and their parts. Searches their names in the page's language and in
    English. Names that begin with `query` come first.
    """
    pages, entries, start = [], shortcuts(me().is_admin), query.casefold()
    with speaking("en"):
        names = [str(shortcut.label).casefold() for shortcut in entries]
    for shortcut, english in zip(entries, names, strict=True):
        label = str(shortcut.label)
        if start in label.casefold() or start in english:
            endpoint = shortcut.endpoint if "." in shortcut.endpoint else f"admin.{shortcut.endpoint}"
            url = url_for(endpoint, _anchor=shortcut.anchor or None)
            pages.append(Result(FOUND_PAGES, label, "", url))
    pages.sort(key=lambda page: not page.label.casefold().startswith(start))
    return [*pages, *_rows(query)] if query else pages


def _rows(query: str) -> Iterator[Result]:
    """Search visits, communities and users."""
    number = search_terms.ordinal(query)
    visits = () if number is None else current()[VisitListServices].visits.visits_of(me(), number)[:1]
    for visit in visits:
        label = str(_("Visit %(number)s", number=count(visit.ordinal)))
        yield Result(FOUND_VISITS, label, place(visit.place), url_for("admin.visit", ordinal=number))
    directory = current()[CommunityServices].directory
    communities = directory.all(me(), query, count=MAX_RESULTS).items
    sizes = directory.sizes(communities)
    for community in communities:
        members = str(_("Members: %(count)s", count=count(sizes[community.id])))
        address = url_for("admin.community", community_id=community.id)
        yield Result(FOUND_COMMUNITIES, name_of(community), members, address)
    for item in current()[AccountServices].users.page(me(), query, count=MAX_RESULTS).items:
        email = item.email if me().is_admin else ""
        yield Result(FOUND_USERS, item.name, email, url_for("admin.user", user_id=item.id))
