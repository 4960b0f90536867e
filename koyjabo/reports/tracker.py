"""Connects the tracker of host programs (`koyjabo.presence.visitor_tracker`) to an application's services."""

from koyjabo.base.cluster.base import Base
from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.services import AccountServices
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.members.tracker import TrackerServices, bind
from .community_people import Reports
from .dashboard_data import people


def bind_tracker(base: Base) -> None:
    services = base.services
    report = services[Reports]
    bind(
        TrackerServices(
            members=services[OnlineMembers],
            peaks=services[Peaks],
            today=lambda scope: people(report.today(scope)),
            start=services.start,
            communities=services[CommunityServices].directory.ids,
            places=services[AccountServices].sessions.places,
            now_ms=services.clock.now_ms,
        )
    )
