"""GET /: the stats of the site, and how lively it is. GET /offline: in place of pages, where there is no network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

from babel.dates import format_date
from flask import render_template
from flask_babel import gettext as _
from flask_babel import ngettext

from koyjabo.communities.communities import CommunityDetails
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.last_hour import PulseMoment
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import LastVisit, Stats
from koyjabo.models import Scope
from koyjabo.network import place_names
from koyjabo.network.services import NetworkServices
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.assets.static_files import FOLDER
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import count, language

LEAST = 3
"""The fewest people of a dot (specification: The web app)."""

LARGEST, SMALLEST = 34, 8
"""The radius of dots; their area is that of the number. home/people.js draws the same."""


class PlaceDot(NamedTuple):
    key: str  # the name of the division, or the code of the country
    x: int
    y: int
    people: int
    radius: float  # 0 for too few people


class PeopleMap(NamedTuple):
    divisions: list[PlaceDot]  # all of them, by name
    countries: list[PlaceDot]  # those with enough people, the largest first

    @property
    def knows_divisions(self) -> bool:
        """Whether any of them has a dot: with a database of countries alone, none ever has."""
        return any(dot.radius for dot in self.divisions)


def people_map(places: Mapping[str, int]) -> PeopleMap | None:
    """The dots for the numbers of people by place, as stats have them. None without positions."""
    positions = _positions()
    if positions is None:
        return None
    by_division = Counter(dict.fromkeys(range(len(positions["divisions"])), 0))
    by_country: Counter[str] = Counter()
    for place, people in places.items():
        code = place_names.country_of(place)
        by_country[code or ""] += people
        number = positions["cities"].get(place_names.city_of_bangladesh(place))
        if number is not None:
            by_division[number] += people
    divisions = {name: (x, y, by_division[number]) for number, (name, x, y) in enumerate(positions["divisions"])}
    countries = {
        code: (*positions["countries"][code], people)
        for code, people in by_country.most_common()
        if people >= LEAST and code in positions["countries"]
    }
    return PeopleMap(_dots(divisions), _dots(countries))


def _dots(people: Mapping[str, tuple[int, int, int]]) -> list[PlaceDot]:
    most = max((each for _, _, each in people.values()), default=0)
    return [PlaceDot(key, x, y, each, _radius(each, most)) for key, (x, y, each) in people.items()]


def _radius(people: int, most: int) -> float:
    return round(max(LARGEST * sqrt(people / most), SMALLEST), 1) if people >= LEAST else 0


@lru_cache
def _positions() -> dict[str, Any] | None:
    file = FOLDER / "vendor" / "dots.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


DAYS = 7
LEAST_DAYS = 4
"""Days with visits among those: with fewer, nothing is foretold."""

DAY_MS = 86_400_000
WEEK, MONTH, LONGEST = 7, 30, 365
"""Days; times longer than the longest are left open."""


def at_this_pace(visits: int, days: Sequence[int], clock: Clock) -> str:
    """`on Monday at this pace`, for this number of further visits; "" if too uncertain. `days` are the visits of the
    last complete days.
    """
    last = days[-DAYS:]
    if sum(each > 0 for each in last) < LEAST_DAYS:
        return ""
    return _words(clock.now_ms() + visits * DAY_MS * len(last) // sum(last), clock)


def _words(at_ms: int, clock: Clock) -> str:
    today = date.fromisoformat(clock.today())
    if at_ms - clock.now_ms() > LONGEST * DAY_MS:
        return ""
    reached = date.fromisoformat(clock.bucket(at_ms).day)
    days = (reached - today).days
    if days < 2:
        return str(_("tomorrow at this pace") if days else _("today at this pace"))
    if days < WEEK:
        weekday = format_date(reached, "EEEE", locale=language())
        return str(_("on %(weekday)s at this pace", weekday=weekday))
    if days < 2 * MONTH:
        weeks = round(days / WEEK)
        return str(
            ngettext("in about a week at this pace", "in about %(count)s weeks at this pace", weeks, count=count(weeks))
        )
    return str(_("in about %(count)s months at this pace", count=count(round(days / MONTH))))


AHEAD = 3
"""Milestones that a page knows. When the first of them has come, it goes on to the next one."""

BUSY, CANDIDATES = 6, 50


class Last(NamedTuple):
    """One of the newest visits."""

    at_ms: int
    local: str  # its time in TIMEZONE, ISO 8601
    age_ms: int
    place: str | None  # None where fewer than three people are

    @classmethod
    def of(cls, visit: LastVisit) -> Last:
        clock = current().clock
        age_ms = max(0, clock.now_ms() - visit.at_ms)
        return cls(visit.at_ms, clock.local(visit.at_ms // 1000), age_ms, visit.place)


class RecentVisits(NamedTuple):
    hour: Sequence[int]  # visits by minute, the running one last
    rate: int  # visits a minute: of the running one, and as much of the one before as is missing

    @property
    def line(self) -> list[int]:
        """The same to be drawn: the running minute, which is not over, as the rate."""
        return [*self.hour[:-1], self.rate]


class Goal(NamedTuple):
    ahead: Sequence[int]  # the next milestones
    pace: str  # when the first of them comes, in words; "" if that is not known


class HomeView(NamedTuple):
    """While the database cannot be read, there are the stats and their places alone."""

    now_ms: int
    stats: dict[str, Any]
    people: PeopleMap | None  # None without positions
    newest: Sequence[Last]  # the newest first; none before the first visit
    pulse: RecentVisits | None = None
    goal: Goal | None = None  # None without milestones
    communities: Sequence[tuple[CommunityDetails, int]] = ()  # and how many people are online

    @property
    def last(self) -> Last | None:
        return self.newest[0] if self.newest else None

    @property
    def known(self) -> dict[str, Any]:
        """What home/pulse.js goes on from."""
        hour, age_ms = self.pulse and self.pulse.hour, self.last and self.last.age_ms
        return {"nowMs": self.now_ms, "hour": hour, "lastAgeMs": age_ms}


def home_view() -> HomeView:
    moment = current()[CountingServices].pulse.now()
    stats = moment.stats
    view = HomeView(current().clock.now_ms(), stats.as_object(), people_map(stats.places), _last(stats))
    if stats.stale:
        return view  # each further read would wait
    try:
        newest = [Last.of(each) for each in current()[CountingServices].pulse.newest(moment)]
        pulse, goal, communities = _pulse(moment), _goal(stats.total), _busy_communities()
        return view._replace(pulse=pulse, goal=goal, communities=communities, newest=newest)
    except LedgerUnavailable:
        return view


def _last(stats: Stats) -> list[Last]:
    return [Last.of(stats.last)] if stats.last else []


def _pulse(moment: PulseMoment) -> RecentVisits:
    hour, now_ms = current()[CountingServices].pulse.hour(moment), current().clock.now_ms()
    missing = 1 - now_ms % MINUTE_MS / MINUTE_MS
    return RecentVisits(hour, round(hour[-1] + hour[-2] * missing))


def _goal(total: int) -> Goal | None:
    ahead = _milestones_after(total)
    if not ahead:
        return None
    days = [day.visited.visits for day in current()[CountingServices].history.last_days()]
    return Goal(ahead, at_this_pace(ahead[0] - total, days[:-1], current().clock))


def _milestones_after(total: int) -> list[int]:
    milestones: list[int] = []
    while len(milestones) < AHEAD:
        following = current()[CountingServices].milestones.after(milestones[-1] if milestones else total)
        if following is None:
            break
        milestones.append(following)
    return milestones


def _busy_communities() -> list[tuple[CommunityDetails, int]]:
    """The communities with most people, of those with public numbers in which a member came or left within the
    hour.
    """
    people = {scope: each.online for scope, each in current()[PresenceServices].arrivals.last_hour(CANDIDATES).items()}
    shown = current()[CommunityServices].directory.public(people) if people else ()
    busiest = sorted(shown, key=lambda each: -people[Scope(each.id)])[:BUSY]
    return [(each, people[Scope(each.id)]) for each in busiest if people[Scope(each.id)]]


@bp.get("/")
def index() -> str:
    """The page with the present values. Its scripts update them."""
    services = current()
    return render_template(
        "home/home.html",
        view=home_view(),
        attributions=services[NetworkServices].places.attributions,
        honours_signals=services[CountingServices].anonymity.honours_headers,
    )


@bp.get("/offline")
def offline() -> str:
    return render_template("home/offline.html")
