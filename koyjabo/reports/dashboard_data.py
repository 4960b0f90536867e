"""The data of community dashboards, and of the tracker of host programs (`koyjabo.presence.visitor_tracker`)."""

from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.last_hour import LastHours
from koyjabo.people.accounts.services import AccountServices
from koyjabo.presence.members.arrivals import ArrivalCounter
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.members.tracker import TrackerServices, bind
from .community_people import Reports, Visitors

MAX_NAMED_PEOPLE = 50
"""Maximum number of online people named in a dashboard event."""


class DashboardData:
    """What community dashboards show."""

    def __init__(self, base: Base, reports: Reports) -> None:
        self._reports = reports
        self._members, self._arrivals = base.services[OnlineMembers], base.services[ArrivalCounter]
        communities = base.services[CommunityServices]
        self._people, self.version = communities.people, lambda: communities.people_rooms.version
        self._last_hours = LastHours(base.database, base.clock)

    def read(self, community_id: str) -> dict[str, Any]:
        """The current data of a community's dashboard. May wait."""
        scope = Scope(community_id)
        members = self._people.first(scope, MAX_NAMED_PEOPLE)
        return {
            "today_visitors": people(self._reports.today(community_id)),
            "realtime_count": self._members.online(scope).count,
            "community_id": community_id,
            "people": [member.as_object() for member in members],
            "minutes": {str(minute): list(visits) for minute, visits in self._last_hours.minutes(scope).items()},
        }

    def own(self, community_id: str) -> dict[str, Any]:
        """The data that differs between workers. Does not wait."""
        return {"arrivals": self._arrivals.today(Scope(community_id))._asdict()}


def people(visitors: Visitors) -> dict[str, int]:
    """Return a report's fields as dashboards and the tracker send them."""
    return {
        "authenticated_visitors": visitors.people.authenticated,
        "anonymous_visitors": visitors.people.anonymous,
        "total_unique_visitors": sum(visitors.people),
    }


def bind_tracker(base: Base) -> None:
    """Connect the tracker to an application's services."""
    services = base.services
    report = services[Reports]
    bind(
        TrackerServices(
            members=services[OnlineMembers],
            peaks=services[Peaks],
            listed=services[CommunityServices].people.listed,
            today=lambda scope: people(report.today(scope)),
            start=services.start,
            communities=services[CommunityServices].directory.ids,
            places=services[AccountServices].sessions.places,
            now_ms=services.clock.now_ms,
        )
    )
