"""GET /admin/search and /admin/find: the command menu finds pages, communities, users, visits and documents, as JSON
or, without scripts, on a page.
"""

from collections.abc import Iterator
from typing import NamedTuple

from flask import Response, request, url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import encode
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.visits import search_terms
from koyjabo.reports.visits.visit_list import VisitList
from koyjabo.web.current import current
from koyjabo.web.i18n import count, name_of, place, speaking, translated
from koyjabo.web.limits import limits
from koyjabo.web.pages import guides
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.navigation import Navigation, Shortcut
from koyjabo.web.panel.pages import me, page

bp = panel_blueprint("search")

MAX_RESULTS = 5
"""Maximum number of results of each kind."""

MAX_COMMAND_LENGTH = 100
FOUND_PAGES, FOUND_COMMUNITIES, FOUND_USERS, FOUND_VISITS = _("Pages"), _("Communities"), _("People"), _("Visits")
FOUND_DOCUMENTS = _("Documentation")


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
    limits.count_account("reports", me().id)
    return request.args.get("q", "").strip()[:MAX_COMMAND_LENGTH]


def _results(query: str) -> list[Result]:
    """All results; without a query, the sections and their parts. Searches their names in the page's language and in
    English. Labels that begin with `query` come first.
    """
    pages, start = [], query.casefold()
    entries = list(current()[Navigation].shortcuts(me().is_admin))
    with speaking("en"):
        names = list(map(_names, entries))
    for shortcut, english in zip(entries, names, strict=True):
        label = translated(shortcut.label)
        if start in _names(shortcut) or start in english:
            url = url_for(shortcut.endpoint, _anchor=shortcut.anchor or None)
            pages.append(Result(FOUND_PAGES, label, "", url))
    pages.sort(key=lambda page: not page.label.casefold().startswith(start))
    return [*pages, *_rows(query), *_documents(query)] if query else pages


def _names(shortcut: Shortcut) -> str:
    return " ".join(translated(name) for name in (shortcut.label, shortcut.words) if name).casefold()


def _documents(query: str) -> list[Result]:
    sections = guides.find(query, has_all=True)[:MAX_RESULTS]
    return [Result(FOUND_DOCUMENTS, section.title, section.document, section.address) for section in sections]


def _rows(query: str) -> Iterator[Result]:
    """Search visits, communities and users."""
    number = search_terms.ordinal(query)
    visits = () if number is None else current()[VisitList].visits_of(me(), number)[:1]
    for visit in visits:
        label = str(_("Visit %(number)s", number=count(visit.ordinal)))
        yield Result(FOUND_VISITS, label, place(visit.place), url_for("panel_visits.visit", ordinal=number))
    directory = current()[CommunityServices].directory
    communities = directory.all(me(), query, count=MAX_RESULTS).items
    sizes = directory.sizes(communities)
    for community in communities:
        members = str(_("Members: %(count)s", count=count(sizes[community.id])))
        address = url_for("panel_communities.community", community_id=community.id)
        yield Result(FOUND_COMMUNITIES, name_of(community), members, address)
    for item in current()[AccountServices].users.page(me(), query, count=MAX_RESULTS).items:
        email = item.email if me().is_admin else ""
        yield Result(FOUND_USERS, item.name, email, url_for("panel_users.user", user_id=item.id))
