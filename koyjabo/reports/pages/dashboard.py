"""/communities/…/dashboard: the people online in a community, by name, for its moderators."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, make_response, render_template, request

from koyjabo.communities import ui as member_forms
from koyjabo.communities.live.online_people import NEWEST, ORDERS, OnlineSearch
from koyjabo.communities.roles import ADMIN, MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import EnteredCommunity
from koyjabo.counting.last_hour import columns
from koyjabo.presence.services import PresenceServices
from koyjabo.reports.services import PeopleServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits
from koyjabo.webkit.pages import pagination, redirects

SHOWN = 100
"""The people of a page."""

PARAMETERS = {"query", "order", "page", "per_page", "part"}
PEOPLE = "people"
"""The part that the page's script asks for when people come and go."""


@bp.get("/communities/<community_id>/dashboard")
def dashboard(community_id: str) -> Response:
    """The current values, which the page's script updates. Addresses of reports, which were here once, lead to them."""
    at = member_forms.enter(community_id, MODERATOR)
    if request.args.keys() - PARAMETERS:
        return redirects.with_query("pages.community_reports", community_id=community_id)
    limits.count_report(at.account.id)
    if request.args.get("part") == PEOPLE:
        return make_response(render_template("communities/online_part.html", at=at, **_people(at)))
    live = current()[CommunityServices].dashboards.current(at.scope).data
    return member_forms.page(
        "reports/dashboard",
        at,
        minutes=columns(current().clock, live["minutes"], series=2),
        arrivals=live["arrivals"],
        today=current()[PeopleServices].reports.today(at.scope).people,
        peaks=current()[PresenceServices].peaks.get(at.scope),
        **_people(at),
    )


def _people(at: EnteredCommunity) -> dict[str, Any]:
    """The list, and the number of all who are online. Raises InvalidInput."""
    communities, search = current()[CommunityServices], _search()
    (online,) = communities.people.online(at.scope)
    found = pagination.list_page(partial(communities.people.page, at.scope, search), per_page=SHOWN)
    shown = [person.user_id for person in found.items] if at.may(ADMIN) else []
    roles = communities.directory.roles(at.scope, shown)
    return {"found": found, "search": search, "roles": roles, "online": online, "now_ms": current().clock.now_ms()}


def _search() -> OnlineSearch:
    order = request.args.get("order", NEWEST)
    return OnlineSearch(request.args.get("query", "").strip(), order if order in ORDERS else NEWEST)
