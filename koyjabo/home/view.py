"""The content of the home page, as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from koyjabo.communities.communities import CommunityDetails
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import MINUTE_MS
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.last_hour import Moment
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import Stats
from koyjabo.home.pace import at_this_pace
from koyjabo.home.people_map import PeopleMap, people_map
from koyjabo.models import Scope
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.current import current

AHEAD = 3
"""Milestones that a page knows. When the first of them has come, it goes on to the next one."""

BUSY, CANDIDATES = 6, 50


class Last(NamedTuple):
    """The newest visit."""

    at_ms: int
    local: str  # its time in TIMEZONE, ISO 8601
    age_ms: int
    place: str | None  # None where fewer than three people are


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
    last: Last | None  # None before the first visit
    pulse: RecentVisits | None = None
    goal: Goal | None = None  # None without milestones
    communities: Sequence[tuple[CommunityDetails, int]] = ()  # and how many people are online

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
        return view._replace(pulse=_pulse(moment), goal=_goal(stats.total), communities=_busy_communities())
    except LedgerUnavailable:
        return view


def _last(stats: Stats) -> Last | None:
    clock = current().clock
    if stats.last is None:
        return None
    at_ms, place = stats.last
    return Last(at_ms, clock.local(at_ms // 1000), max(0, clock.now_ms() - at_ms), place)


def _pulse(moment: Moment) -> RecentVisits:
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
