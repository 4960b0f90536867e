"""Results for the command menu: pages, communities, users and visits. As JSON or, without scripts, as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from flask import Response, request, url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.communities.services import CommunityServices
from koyjabo.counting.stats import encode
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.visit_log import search_terms
from koyjabo.reports.visit_log.services import VisitLogServices
from koyjabo.site.panel import navigation
from koyjabo.web.blueprints import admin as bp
from koyjabo.web.current import current
from koyjabo.web.i18n import count, place, speaking
from koyjabo.web.limits import limits
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import me, page

MOST = 5
"""Maximum number of results of each kind."""

LONGEST = 100

PAGES, COMMUNITIES, USERS, VISITS = _("Pages"), _("Communities"), _("People"), _("Visits")


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
    """All results; without a query, the sections and their parts."""
    results = _pages(query.casefold())
    if query:
        results += [*_visit(query), *_communities(query), *_users(query)]
    return results


def _pages(query: str) -> list[Result]:
    """Search the names in the page's language and in English. Names that begin with `query` come first."""
    results, shortcuts = [], navigation.shortcuts(me().is_admin)
    with speaking("en"):
        names = [str(shortcut.label).casefold() for shortcut in shortcuts]
    for shortcut, english in zip(shortcuts, names, strict=True):
        label = str(shortcut.label)
        if query in label.casefold() or query in english:
            endpoint = shortcut.endpoint if "." in shortcut.endpoint else f"admin.{shortcut.endpoint}"
            url = url_for(endpoint, _anchor=shortcut.anchor or None)
            results.append(Result(PAGES, label, "", url))
    return sorted(results, key=lambda result: not result.label.casefold().startswith(query))


def _visit(query: str) -> Iterator[Result]:
    number = search_terms.ordinal(query)
    if number is None:
        return
    for visit in current()[VisitLogServices].log.visits_of(me(), number)[:1]:
        label = str(_("Visit %(number)s", number=count(visit.ordinal)))
        yield Result(VISITS, label, place(visit.place), url_for("admin.visit", ordinal=number))


def _communities(query: str) -> Iterator[Result]:
    directory = current()[CommunityServices].directory
    communities = directory.all(me(), query, count=MOST).items
    sizes = directory.sizes(communities)
    for community in communities:
        members = str(_("Members: %(count)s", count=count(sizes[community.id])))
        yield Result(COMMUNITIES, community.name, members, url_for("admin.community", community_id=community.id))


def _users(query: str) -> Iterator[Result]:
    for item in current()[AccountServices].users.page(me(), query, count=MOST).items:
        email = item.email if me().is_admin else ""
        yield Result(USERS, item.name, email, url_for("admin.user", user_id=item.id))
