"""A community's room: its numbers and, for moderators, the names of the people online."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from koyjabo.communities import ui as member_forms
from koyjabo.communities.live.online_people import NEWEST, ORDERS, OnlineSearch
from koyjabo.communities.roles import ADMIN, MEMBER, MODERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.communities.ui import EnteredCommunity
from koyjabo.core.errors import KoyJaboError
from koyjabo.counting.last_hour import columns
from koyjabo.counting.services import CountingServices
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import pagination, redirects

SHOWN = 100
"""Number of people per page."""

PARAMETERS = {"query", "order", "page", "per_page", "part"}
PEOPLE = "people"
"""The part of the page that its script requests when people come or go."""


@bp.get("/communities/<community_id>")
def community(community_id: str) -> Response:
    """Show members the numbers, and show other people who may see the community how to join or log in."""
    return show(member_forms.enter(community_id) if page_login.login() else member_forms.look_at(community_id))


@bp.get("/communities/<community_id>/dashboard")
def dashboard(community_id: str) -> Response:
    """Redirect the address of a former page to the room or the reports."""
    page = "community_reports" if request.args.keys() - PARAMETERS else "community"
    return redirects.with_query(url_for(f"pages.{page}", community_id=community_id), 301)


def show(at: EnteredCommunity, problem: KoyJaboError | None = None) -> Response:
    """Show the room. `problem` is the error of an action on this page."""
    status = problem.status if problem else 200
    if not at.may(MEMBER):
        shown = member_forms.online([at.community.id] if at.community.public_count else [])
        return member_forms.page("communities/outside", at, status, problem=problem, online=shown.get(at.community.id))
    if at.may(MODERATOR):
        limits.count_report(at.account.id)
        if request.args.get("part") == PEOPLE:
            return make_response(render_template("communities/online_part.html", at=at, **_people(at)))
    values: dict[str, Any] = {
        "stats": current()[CountingServices].visits.community(at.scope).stats().as_object(),
        "peaks": current()[PresenceServices].peaks.get(at.scope),
        "hours": [hour.visited.visits for hour in current()[CountingServices].history.last_hours(at.scope)],
    }
    if at.may(MODERATOR):
        values |= _people(at) | _today(at)
    else:
        values["online"] = member_forms.online([at.community.id])[at.community.id]
    return member_forms.page("communities/community", at, status, problem=problem, **values)


def _today(at: EnteredCommunity) -> dict[str, Any]:
    data = current()[CommunityServices].dashboards.current(at.scope).data
    minutes = columns(current().clock, data["minutes"], series=2)
    return {"today": data["today_visitors"], "arrivals": data["arrivals"], "minutes": minutes}


def _people(at: EnteredCommunity) -> dict[str, Any]:
    """The list of people, and the number of all people online. Raises InvalidInput."""
    communities, search = current()[CommunityServices], _search()
    (online,) = communities.people.online(at.scope)
    people = pagination.list_page(partial(communities.people.page, at.scope, search), per_page=SHOWN)
    shown = [person.user_id for person in people.items] if at.may(ADMIN) else []
    roles = communities.directory.roles(at.scope, shown)
    return {"found": people, "search": search, "roles": roles, "online": online, "now_ms": current().clock.now_ms()}


def _search() -> OnlineSearch:
    order = request.args.get("order", NEWEST)
    return OnlineSearch(request.args.get("query", "").strip(), order if order in ORDERS else NEWEST)
