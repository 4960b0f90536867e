"""A community's room: its numbers and, for those who may see them, the names of the people online."""

from collections.abc import Collection
from functools import partial
from typing import Any

from flask import Response, make_response, render_template, request

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.counting.days_by_hour import DaysByHour
from koyjabo.counting.visits import Visits
from koyjabo.presence.members.peaks import Peaks
from koyjabo.web.current import current
from koyjabo.web.i18n import weekday
from koyjabo.web.limits import limits
from koyjabo.web.pages import pagination
from koyjabo.web.pages.flash import outcome
from . import ui
from .live.online_people import NEWEST_FIRST, PEOPLE_ORDERS
from .live.online_person import OnlinePerson
from .live.people_rooms import MAX_NAMED_MEMBERS
from .roles import MEMBER, MODERATOR, Access
from .services import community_services

PEOPLE_PER_PAGE = 100
"""Number of people per page."""

PEOPLE = "people"
"""The part of the page that its script requests when people come or go."""

REFRESH_ACCEPT = "text/html"
"""What a page accepts when it requests itself again, without being read (webkit/live.js)."""


def room_page(at: Access, problem: KoyJaboError | None = None) -> Response:
    """Show the room. `problem` is the error of an action on this page."""
    status = problem.status if problem else 200
    if not at.may(MEMBER) and not at.community.public_count:
        return ui.page("communities/outside", at, status, problem=problem)
    if at.may(MODERATOR):
        limits.count_report(at.account.id)
        if request.args.get("part") == PEOPLE:
            return make_response(render_template("communities/online_part.html", at=at, **_people(at)))
    stats, clock = current()[Visits].community(at.scope).stats(), current().clock
    values: dict[str, Any] = {
        "stats": stats.as_object(),
        "day": current()[DaysByHour].of(at.scope, stats.today),
        "weekday": weekday(clock.today()),
        "now_ms": clock.now_ms(),
    }
    if at.may(MODERATOR):
        values |= _people(at)
    else:
        values["online"] = ui.online([at.community.id])[at.community.id]
        if at.sees_people:
            values |= _named(at)
    if at.sees_people and at.is_member and request.headers.get("Accept") != REFRESH_ACCEPT:
        values["is_notice_due"] = community_services().members.take_notice(at.account, at.community.id)
    if at.may(MEMBER):
        values["peaks"] = current()[Peaks].get(at.scope)
    return ui.page("communities/community", at, status, problem=problem, **values)


def _named(at: Access) -> dict[str, Any]:
    """The newest people, for a member, and the reader, whom this page will put online."""
    account = at.account
    named = community_services().people.first(at.scope, MAX_NAMED_MEMBERS, True, account.id)
    you = OnlinePerson(account.id, account.name, current().clock.now_ms(), 1, account.appear_offline)
    return {"named": named, "you": you if at.is_member else None}


def _people(at: Access) -> dict[str, Any]:
    """The list of people, and the number of all people online. Raises InvalidInput."""
    communities, search = community_services(), searched("order", PEOPLE_ORDERS, NEWEST_FIRST)
    (online,), clock = communities.people.online(at.scope), current().clock
    people = pagination.list_page(
        partial(communities.people.page, at.scope, **search, reader=at.account.id), per_page=PEOPLE_PER_PAGE
    )
    if not online and at.is_member and outcome():  # such as the founder, whose socket opens with this page
        online, founder = 1, OnlinePerson(at.account.id, at.account.name, clock.now_ms(), 1, at.account.appear_offline)
        people = people._replace(items=(founder,), total=1)
    roles = communities.members.roles(at.scope, [person.user_id for person in people.items])
    last = None if online else communities.members.last_here(at.scope)
    return {
        "found": people,
        "search": search,
        "roles": roles,
        "online": online,
        "last_here": last and (last[0], clock.local(last[1])),
        "now_ms": clock.now_ms(),
    }


def searched(name: str, allowed: Collection[str], default: str = "") -> dict[str, Any]:
    """The search in the current request: a text, and the argument `name`, which must be one of `allowed`."""
    value = request.args.get(name, "")
    return {"text": request.args.get("query", "").strip(), name: value if value in allowed else default}
