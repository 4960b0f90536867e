"""GET /: the site's stats and activity. GET /offline: the page shown without a network."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from flask import Response, jsonify, render_template
from flask_babel import gettext as _, ngettext

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.base.network.services import NetworkServices
from koyjabo.base.settings.schema import Settings
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.hours_of_day import DayByHour, DaysByHour
from koyjabo.counting.queries import ReachedMilestone
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import Stats, base36
from koyjabo.people.models import Community
from koyjabo.presence.services import PresenceServices
from koyjabo.web.current import current, pages as bp
from koyjabo.web.i18n import count, language, site_name, weekday

DAYS = 7
MIN_DAYS = 4
"""Minimum number of days with visits for a forecast."""

DAY_MS = 86_400_000
WEEK, MONTH, LONGEST = 7, 30, 365
"""Numbers of days. Forecasts beyond LONGEST are not shown."""


def at_this_pace(visits: int, days: Sequence[int], clock: Clock) -> str:
    """When this many more visits will be reached, such as `Expected on Monday`; "" if that is too uncertain. `days`
    has the visits on each of the last complete days.
    """
    last = days[-DAYS:]
    if sum(day_visits > 0 for day_visits in last) < MIN_DAYS:
        return ""
    wait_ms = visits * DAY_MS * len(last) // sum(last)
    if wait_ms > LONGEST * DAY_MS:
        return ""
    reached = date.fromisoformat(clock.bucket(clock.now_ms() + wait_ms).day)
    ahead = (reached - date.fromisoformat(clock.today())).days
    if ahead < 2:
        return str(_("Expected tomorrow") if ahead else _("Expected today"))
    if ahead < WEEK:
        return str(_("Expected on %(weekday)s", weekday=weekday(reached.isoformat())))
    if ahead < 2 * MONTH:
        weeks = round(ahead / WEEK)
        return str(ngettext("Expected in about a week", "Expected in about %(count)s weeks", weeks, count=count(weeks)))
    return str(_("Expected in about %(count)s months", count=count(round(ahead / MONTH))))


AHEAD = 3
"""Number of milestones that a page receives in advance, so that it can continue after reaching the first."""

BUSY, CANDIDATES = 6, 50
PLACES = 4
"""Number of locations listed. home/people.js shows the same number."""


class Goal(NamedTuple):
    ahead: Sequence[int]  # the next milestones
    pace: str  # when the first will be reached, in words; "" if unknown


class Places(NamedTuple):
    largest: Sequence[tuple[str, int]]  # with the number of people
    others: int = 0  # number of other locations
    people: int = 0  # people in these other locations

    @classmethod
    def of(cls, people: Mapping[str, int]) -> "Places":
        """Build the list from the number of people by location. The largest is first, even if it is "Unknown"."""
        places = sorted(people.items(), key=lambda place: -place[1])
        if len(places) <= PLACES:
            return cls(places)
        others = places[PLACES - 1 :]
        return cls(places[: PLACES - 1], len(others), sum(number for _, number in others))


class HomeView(NamedTuple):
    """The page's contents. While the database cannot be read, only the stats and their locations."""

    now_ms: int
    stats: dict[str, Any]
    places: Places
    weekday: str  # in the page's language
    day: DayByHour | None = None
    goal: Goal | None = None  # None if there is no next milestone
    communities: Sequence[tuple[Community, int]] = ()  # with the number of people online
    reached: ReachedMilestone | None = None  # the milestone of the last minute


def home_view() -> HomeView:
    counting, clock = current()[CountingServices], current().clock
    moment = counting.pulse.now()
    stats, now_ms = moment.stats, moment.minute * MINUTE_MS
    today = weekday(clock.bucket(now_ms).day)
    view = HomeView(clock.now_ms(), stats.as_object(), Places.of(stats.places), today)
    if stats.stale:
        return view  # any further read would have to wait
    try:
        day, goal, communities = current()[DaysByHour].at(moment), _goal(stats.total), _busy_communities()
        return view._replace(day=day, goal=goal, communities=communities, reached=_reached(stats, view.now_ms))
    except LedgerUnavailable:
        return view


def _reached(stats: Stats, now_ms: int) -> ReachedMilestone | None:
    """The milestone that this count has reached within the last minute, if any."""
    reached = current()[CountingServices].history.last_milestone(now_ms - MINUTE_MS)
    return reached if reached and reached.epoch == base36(stats.epoch) else None


def _goal(total: int) -> Goal | None:
    counting, milestone = current()[CountingServices], total
    ahead: list[int] = []
    while len(ahead) < AHEAD and (following := counting.milestones.after(milestone)) is not None:
        milestone = following
        ahead.append(milestone)
    if not ahead:
        return None
    days = [day.visits for day in counting.history.last_days()]
    return Goal(ahead, at_this_pace(ahead[0] - total, days[:-1], current().clock))


def _busy_communities() -> list[tuple[Community, int]]:
    """The communities with the most people online, among communities with public numbers where a member came or left
    within the last hour.
    """
    people = current()[PresenceServices].arrivals.busy(CANDIDATES)
    shown = current()[CommunityServices].directory.public(people) if people else ()
    busiest = sorted(shown, key=lambda community: -people[Scope(community.id)])[:BUSY]
    return [(community, people[Scope(community.id)]) for community in busiest if people[Scope(community.id)]]


@bp.get("/")
def index() -> str:
    """Show the page with the current values. Its scripts update them."""
    services = current()
    return render_template(
        "home/home.html",
        view=home_view(),
        app_url=services[Settings].app_url,
        sentence=services[Settings].sentence_in(language()),
        attributions=services[NetworkServices].places.attributions,
        honours_signals=services[CountingServices].anonymity.honours_headers(),
    )


@bp.get("/manifest.webmanifest")
def manifest() -> Response:
    """The facts that a browser needs to install the site as an app."""
    name = site_name()
    icons = [
        {"src": "/icon.svg", "sizes": "any", "type": "image/svg+xml"},
        *({"src": f"/static/icons/{size}.png", "sizes": f"{size}x{size}", "type": "image/png"} for size in (192, 512)),
        {"src": "/static/icons/maskable.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
    ]
    response = jsonify(
        name=name,
        short_name=name,
        description=current()[Settings].sentence_in(language()),
        start_url="/",
        display="standalone",
        theme_color="#006a4e",
        background_color="#f6f8f7",
        icons=icons,
    )
    response.mimetype = "application/manifest+json"
    return response


@bp.get("/offline")
def offline() -> str:
    return render_template("home/offline.html")
