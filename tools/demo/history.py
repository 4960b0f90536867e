"""Writes the past into the database: visits hour by hour, and communities that grow. Uses the product's own services,
with a clock that the demo moves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from random import Random

from demo import people, visits
from demo.people import COMMUNITIES, GUIDE, MEMBERS
from demo.visits import Opening
from koyjabo import create_app
from koyjabo.base.core.clock import Clock, system_now_ms
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import campaigns
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.settings.schema import Settings
from koyjabo.columns.columns import Columns
from koyjabo.columns.events.new_event import NewEvent
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.community_people import Reports

ALONE = {"REDIS_URL": "", "WEB_CONCURRENCY": 1, "RATE_LIMIT_MAILS": 0}
"""Nothing is published, no visitor becomes active on the server, and no mail is sent."""

VISITS, GROWTH_DAYS = 1.65, 120.0
"""Visits per unit of busyness on the last day, some 1,700 on a workday; and after how many days visits double."""

NEW, REGULARS = 0.32, 1500
"""The share of visits by new visitors, and how many of the newest visitors may return."""

TO_COMMUNITIES, BY_MEMBERS = 0.26, 0.35
"""The share of visits to communities, and of members among those."""

SWARM_HOUR, SWARM = 3, 300
"""On the last Tuesday before today, that many bots come at this hour."""

CHECK_HOURS = 6
"""How often a program checks the site, in hours."""

HOUR_MS = 3_600_000


class History:
    """The last `days` until a minute ago. Raises KoyJaboError."""

    def __init__(self, settings: Settings, days: int) -> None:
        self._now = datetime.now(settings.zone)
        self._ends_ms = self._now_ms = system_now_ms() - 60_000
        app = create_app(ALONE, clock=Clock(settings.zone, lambda: self._now_ms, release_ms=0), creates_admin=False)
        self._services = app.extensions["koyjabo"]
        self._visits = self._services[Visits]
        self._accounts = self._services[AccountServices]
        self._accounts.passwords.hash = cache(self._accounts.passwords.hash)  # all members have one password
        self._password = people.password(settings.secret_key)
        began = (self._now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        self._began_ms = self._ends_ms if self._count() else int(began.timestamp()) * 1000
        self.missing_ms = None if self._began_ms < self._ends_ms else int(began.timestamp()) * 1000
        """Since when the past is missing; None if it is whole."""
        self._dice = Random(SWARM)
        self._waiting = [] if self._accounts.credentials.find(GUIDE.email) else sorted(MEMBERS, key=attrgetter("joins"))
        self._users: dict[str, str] = {}  # user ids by visitor id
        self._ids: dict[str, str] = {}  # community ids by name
        self._known = ["monitor"]  # visitor ids
        self._browsers = {member.id: member.browser for member in MEMBERS} | {"monitor": people.MONITOR}

    def write(self) -> int:
        """Write past visits into an empty database, and the members that it does not have. Returns the number of
        visits. Stops if another visit arrives, because the ledger is in chronological order:
        `missing_ms` says when.
        """
        written = 0
        for hour_ms in range(self._began_ms, self._ends_ms, HOUR_MS):
            self._admit(hour_ms)
            drawn = sorted(self._hour(hour_ms), key=attrgetter("at_ms"))
            if self._count() != written:
                self.missing_ms = hour_ms
                break
            if drawn:
                self._visits.register_all(drawn)
                written += len(drawn)
            if events := [event for visit in drawn for event in self._events(visit)]:
                self._services[Columns].record(events, is_bot=False)
        self._admit(self._ends_ms)
        return written

    def close(self) -> None:
        self._services.close()

    def _count(self) -> int:
        """The number of visits in the ledger."""
        self._visits.refresh(self._visits.site)
        return int(self._visits.site.snapshot.visits)

    def _admit(self, until_ms: int) -> None:
        """Create the members who join until then."""
        communities = self._services[CommunityServices]
        length_ms = self._ends_ms - self._began_ms
        while self._waiting and self._began_ms + self._waiting[0].joins * length_ms <= until_ms:
            self._now_ms, member = until_ms, self._waiting.pop(0)
            account = self._accounts.credentials.create(member.email, self._password, member.name)
            self._users[member.id] = account.id
            if member.joins:
                communities.members.set_role(OPERATOR, self._ids[member.community], account.id, member.role)
            else:
                (plan,) = (community for community in COMMUNITIES if community.name == member.community)
                values = {**plan._asdict(), "count_anonymous": True, "public_count": plan.is_open}
                values["members_see_online"] = True
                del values["people"]
                self._ids[plan.name] = communities.directory.create(account, values).community.id
            self._services[Reports].convert(account.id, member.id)

    def _hour(self, hour_ms: int) -> Iterator[NewVisit]:
        local = datetime.fromtimestamp(hour_ms / 1000, self._now.tzinfo)
        age_days = (self._now.date() - local.date()).days
        growth = 0.5 ** (age_days / GROWTH_DAYS)
        busyness = (visits.WEEKEND if local.weekday() == visits.FRIDAY else visits.WORKDAY)[local.hour]
        for _ in range(round(busyness * VISITS * growth * self._dice.uniform(0.9, 1.1))):
            opening = visits.opening(age_days, self._dice)
            at_ms = hour_ms + self._dice.randrange(HOUR_MS)
            if at_ms < self._ends_ms and not visits.is_prevented(opening, local, age_days):
                yield self._visit(at_ms, opening, *self._visitor())
        if not local.hour % CHECK_HOURS:
            yield self._visit(hour_ms, Opening("/"), "monitor", "")
        if (local.weekday(), local.hour) == (visits.TUESDAY, SWARM_HOUR) and 1 <= age_days <= 7:
            for number in range(SWARM):
                self._browsers[f"swarm_{number}"] = people.SWARM
                yield self._visit(hour_ms + number * 10_000, Opening("/fares"), f"swarm_{number}", "")

    def _visitor(self) -> tuple[str, str]:
        """The id of a random visitor, and the name of the community that they visit."""
        member = self._dice.choice(MEMBERS)
        community = member.community if self._dice.random() < TO_COMMUNITIES else ""
        if community and self._dice.random() < BY_MEMBERS:
            return member.id, community
        if self._dice.random() < NEW:
            self._known.append(f"demo_{len(self._known):05d}")
            self._browsers[self._known[-1]] = people.person(self._dice)
        return self._dice.choice(self._known[-REGULARS:]), community

    def _visit(self, at_ms: int, opening: Opening, visitor_id: str, community: str) -> NewVisit:
        browser = self._browsers[visitor_id]
        address = f"{browser.network}.7"
        attended_ms, acted = (0, False) if browser is people.SWARM else visits.stay(self._dice)
        return NewVisit(
            visitor_id=visitor_id,
            visit_id=f"{self._dice.getrandbits(64):016x}",
            scope=Scope(self._ids[community]) if community else SITE,
            place=self._services[LocationFinder].locate(address),
            at_ms=at_ms,
            referrer=opening.referrer,
            user_agent=browser.agent,
            page=opening.page,
            user_id=self._users.get(visitor_id),
            automated=browser is people.MONITOR,
            attended_ms=min(attended_ms, self._ends_ms - at_ms),
            acted=acted,
            network=self._services[AddressOwners].network(address),
            campaign=campaigns.of_page(f"{opening.page}?{opening.query}"),
        )

    def _events(self, visit: NewVisit) -> Iterator[NewEvent]:
        """The visitor's events, or none if they do not act."""
        for number, action in enumerate(visits.actions(str(visit.page), self._dice) if visit.acted else []):
            yield NewEvent(visit.visitor_id, f"{visit.visit_id}{number}", at_ms=visit.at_ms, **action)
