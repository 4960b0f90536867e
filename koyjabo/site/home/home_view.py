"""The contents of the home page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import Scope
from koyjabo.base.network.location_names import UNKNOWN_LOCATION
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.days_by_hour import DayByHour, DaysByHour
from koyjabo.counting.history import History
from koyjabo.counting.milestone_queries import ReachedMilestone
from koyjabo.counting.milestones import Milestones
from koyjabo.counting.pulse import Pulse
from koyjabo.counting.stats import Stats, base36
from koyjabo.people.models import Community
from koyjabo.presence.members.arrivals import ArrivalCounter
from koyjabo.web.current import current
from koyjabo.web.i18n import weekday
from .pace import at_this_pace

MILESTONES_AHEAD = 3
"""Number of milestones that a page receives in advance, so that it can continue after reaching the first."""

MAX_BUSY_COMMUNITIES, MAX_BUSY_CANDIDATES = 6, 50

MIN_LOCATIONS, MAX_LOCATIONS = 2, 4
"""The list is hidden with fewer known locations, and shows at most MAX_LOCATIONS. home/people.js has the same numbers.
"""


class Goal(NamedTuple):
    ahead: Sequence[int]  # the next milestones
    pace: str  # when the first will be reached, in words; "" if unknown


class Places(NamedTuple):
    largest: Sequence[tuple[str, int]]  # with the number of people
    others: int = 0  # number of other locations
    people: int = 0  # people in these other locations
    are_shown: bool = False  # whether at least two locations are known

    @classmethod
    def of(cls, people: Mapping[str, int]) -> "Places":
        """Build the list from the number of people by location. The largest is first, even if it is "Unknown"."""
        places = sorted(people.items(), key=lambda place: -place[1])
        are_shown = len(people.keys() - {UNKNOWN_LOCATION}) >= MIN_LOCATIONS
        if len(places) <= MAX_LOCATIONS:
            return cls(places, are_shown=are_shown)
        others = places[MAX_LOCATIONS - 1 :]
        return cls(places[: MAX_LOCATIONS - 1], len(others), sum(number for _, number in others), are_shown)


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
    clock = current().clock
    moment = current()[Pulse].now()
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
    reached = current()[History].last_milestone(now_ms - MINUTE_MS)
    return reached if reached and reached.epoch == base36(stats.epoch) else None


def _goal(total: int) -> Goal | None:
    milestones, milestone = current()[Milestones], total
    ahead: list[int] = []
    while len(ahead) < MILESTONES_AHEAD and (following := milestones.after(milestone)) is not None:
        milestone = following
        ahead.append(milestone)
    if not ahead:
        return None
    days = [day.visits for day in current()[History].last_days()]
    return Goal(ahead, at_this_pace(ahead[0] - total, days[:-1], current().clock))


def _busy_communities() -> list[tuple[Community, int]]:
    """The communities with the most people online, among communities with public numbers where a member came or left
    within the last hour.
    """
    people = current()[ArrivalCounter].busy(MAX_BUSY_CANDIDATES)
    shown = current()[CommunityServices].directory.public(people) if people else ()
    busiest = sorted(shown, key=lambda community: -people[Scope(community.id)])[:MAX_BUSY_COMMUNITIES]
    return [(community, people[Scope(community.id)]) for community in busiest if people[Scope(community.id)]]
