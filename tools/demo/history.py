"""Writes the past before the first run: visits hour by hour, and growing communities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from demo import audience, cast, openings, rhythm, stays
from demo.audience import Kind
from demo.backdated import Backdated
from demo.cast import COMMUNITIES
from demo.founding import Founding
from demo.openings import Opening
from demo.stays import actions
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import campaigns, user_agents
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.user_agents import is_bot
from koyjabo.counting.records import NewVisit
from koyjabo.reports.events.records import NewEvent

TO_COMMUNITIES, BY_MEMBERS = 0.26, 0.35
"""The share of visits to communities, and of members among those. Before members join they are anonymous."""

BY_OPERATORS = 0.012
"""The share of the operators' own visits among the other visits."""

NEW, NEW_IN_COMMUNITY = 0.32, 0.08
REGULARS, REGULARS_IN_COMMUNITY = 1500, 60
"""The share of new visitors, and how many of the newest visitors may return, on the site and in a community."""

SCRAPED = Opening("/fares", "", "direct")
"""The page that a swarm of bots opens."""


class Population:
    """`now` is the local time when the past ends."""

    def __init__(self, founding: Founding, now: datetime, dice: Random) -> None:
        self._founding = founding
        self._now = now
        self._ends_ms = int(now.timestamp() * 1000)
        self._dice = dice
        self._known: dict[str, list[str]] = defaultdict(list)  # visitor ids by community; "" is the site
        self._homes = {member.visitor.id: audience.person(dice) for member in cast.MEMBERS} | audience.OPERATORS
        self._owners = AddressOwners()
        self._named = self._happened = 0

    def visit(self, at_ms: int) -> NewVisit | None:
        """A random visit at `at_ms`, or None if an outage of search engines prevents it."""
        local = datetime.fromtimestamp(at_ms / 1000, self._now.tzinfo)
        age_days = (self._now.date() - local.date()).days
        opening = openings.opening(local, age_days, self._dice)
        if openings.is_outage(local, age_days) and openings.is_prevented(opening):
            return None
        return self._of_somebody(at_ms, opening)

    def bot(self, at_ms: int) -> NewVisit:
        """A visit by a swarm of bots. Each bot has its own visitor id, and does not identify itself as a bot."""
        self._named += 1
        visitor_id = f"demo_{self._named:05d}"
        self._homes[visitor_id] = audience.SWARM
        return self._visit(at_ms, SCRAPED, visitor_id)

    def events(self, visit: NewVisit) -> Iterator[NewEvent]:
        """The visitor's events while they attend the page, or none if they do not act."""
        done = actions(visit.page or "/", self._dice) if visit.acted else []
        times = sorted(visit.at_ms + self._dice.randrange(visit.attended_ms or 1) for _ in done)
        for action, at_ms in zip(done, times, strict=True):
            self._happened += 1
            event_id = f"demo_{self._happened:06d}"
            yield NewEvent(visit.visitor_id, event_id, action.name, at_ms, action.page, action.props, client_ms=at_ms)

    def _of_somebody(self, at_ms: int, opening: Opening) -> NewVisit:
        if self._dice.random() >= TO_COMMUNITIES:
            is_own = self._dice.random() < BY_OPERATORS
            known = self._dice.choice([*audience.OPERATORS]) if is_own else self._visitor_id("", NEW, REGULARS)
            return self._visit(at_ms, opening, known)
        (plan,) = self._dice.choices(COMMUNITIES, [plan.weight for plan in COMMUNITIES])
        scope = Scope(self._founding.ids[plan.name])
        if self._dice.random() >= BY_MEMBERS:
            visitor_id = self._visitor_id(plan.name, NEW_IN_COMMUNITY, REGULARS_IN_COMMUNITY)
            return self._visit(at_ms, opening, visitor_id, scope)
        members = [member for member in cast.MEMBERS if member.plan is plan]
        (member,) = self._dice.choices(members, [1 / n for n in range(1, len(members) + 1)])  # some come every day
        account = self._founding.accounts.get(member.email)  # None before they join
        return self._visit(at_ms, opening, member.visitor.id, scope, account and account.id)

    def _visitor_id(self, community: str, share_of_new: float, regulars: int) -> str:
        known = self._known[community]
        if known and self._dice.random() >= share_of_new:
            return self._dice.choice(known[-regulars:])
        self._named += 1
        known.append(f"demo_{self._named:05d}")
        return known[-1]

    def _visit(
        self, at_ms: int, opening: Opening, visitor_id: str, scope: Scope = SITE, user_id: str | None = None
    ) -> NewVisit:
        home = self._homes.get(visitor_id) or self._homes.setdefault(visitor_id, audience.newcomer(self._dice))
        stay = stays.of(home.kind, self._dice)
        return NewVisit(
            visitor_id=visitor_id,
            visit_id=None,
            scope=scope,
            place=home.city,
            at_ms=at_ms,
            client_ms=at_ms,
            referrer=None if opening.referrer == "direct" else opening.referrer,
            user_agent=home.agent,
            page=opening.page,
            user_id=user_id,
            is_bot=is_bot(home.agent),
            automated=is_bot(home.agent) or home.kind is Kind.PROGRAM,
            attended_ms=min(stay.attended_ms, self._ends_ms - at_ms),
            acted=stay.acted,
            network=self._owners.network(home.address),
            own=home.kind is Kind.OPERATOR,
            language=user_agents.first_of(home.languages),
            campaign=campaigns.of_page(opening.address),
        )


MIN_DAYS, DAYS, MAX_DAYS = 14, 60, 400
GROWTH_DAYS = 120.0
"""Visits double in this many days."""

VISITS = 1.65
"""Visits per unit of weight in `rhythm` on the last day: some 1,700 on a workday."""

SEED = 10
"""The past depends only on this seed, its length and its end."""

RUSH_HOUR = 18
TUESDAY, SWARM_HOUR, SWARM = 1, 3, 300
"""A swarm of bots comes on the last Tuesday before today, at this hour and with this many visits."""

HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


def begins(now: datetime, days: int) -> datetime:
    """Midnight, `days` ago."""
    return (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def write(backdated: Backdated, founding: Founding, now: datetime, days: int) -> int:
    """Write the visits of the last `days` until `now`, local time, into an empty ledger. Returns the number written.

    Stops early if another program registers a visit.
    """
    dice = Random(SEED)
    population = Population(founding, now, dice)
    written = 0
    for hour in _hours(now, days):
        founding.advance(ms(hour))
        drawn = [*map(population.visit, _times(hour, now, dice)), *_swarm(population, hour, now, dice)]
        visits = sorted((visit for visit in drawn if visit is not None), key=lambda visit: visit.at_ms)
        if not backdated.register(visits, after=written):
            break
        backdated.record([event for visit in visits for event in population.events(visit) if event.at_ms <= ms(now)])
        written += len(visits)
        if hour.hour == RUSH_HOUR:
            _record_peaks(backdated, founding, hour, len(visits), dice)
    return written


def _hours(now: datetime, days: int) -> Iterator[datetime]:
    """The starts of all hours, in local time. Counted in UTC, because local clocks may change."""
    hour = begins(now, days).astimezone(UTC)
    while hour <= now:
        yield hour.astimezone(now.tzinfo)
        hour += HOUR


def _times(hour: datetime, now: datetime, dice: Random) -> list[int]:
    """Times of the visits in this hour, ms since 1970, in order."""
    growth = 0.5 ** ((now - hour) / timedelta(days=GROWTH_DAYS))
    expected = rhythm.weight(hour) * VISITS * growth * dice.uniform(0.9, 1.1)
    times = sorted(ms(hour) + dice.randrange(HOUR // MS) for _ in range(round(expected)))
    return [at_ms for at_ms in times if at_ms <= ms(now)]


def _swarm(population: Population, hour: datetime, now: datetime, dice: Random) -> Iterator[NewVisit]:
    age_days = (now.date() - hour.date()).days
    if (hour.weekday(), hour.hour) == (TUESDAY, SWARM_HOUR) and 1 <= age_days <= 7:
        for _ in range(SWARM):
            yield population.bot(ms(hour) + dice.randrange(HOUR // MS))


def _record_peaks(backdated: Backdated, founding: Founding, hour: datetime, visits: int, dice: Random) -> None:
    """Record a day's peaks: in the rush hour, most members are online and most people are active."""
    backdated.now_ms = ms(hour)
    backdated.peaks.record(SITE, round(visits * dice.uniform(0.2, 0.3)))
    for community_id, members in founding.sizes().items():
        backdated.peaks.record(Scope(community_id), round(members * dice.uniform(0.4, 0.8)))


def ms(moment: datetime) -> int:
    """ms since 1970 UTC, rounded down to a second."""
    return int(moment.timestamp()) * 1000
