"""The services that this package offers to other packages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.columns import Columns
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.last_hour import LastHours
from koyjabo.presence.members.arrivals import ArrivalCounter
from koyjabo.presence.members.online_members import OnlineMembers
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.reports.engine.insights import Insights
from .community_people import Reports, Visitors
from .page_totals import PageTotals


@dataclass(frozen=True, slots=True)
class ReportServices:
    reports: Insights
    public_reports: Insights  # for readers without an account
    page_totals: PageTotals


class DashboardData:
    """What community dashboards show."""

    def __init__(self, base: Base, reports: Reports) -> None:
        self._reports = reports
        self._members, self._arrivals = base.services[OnlineMembers], base.services[ArrivalCounter]
        self._people = base.services[CommunityServices].people
        self._last_hours = LastHours(base.database, base.clock)

    def read(self, community_id: str) -> dict[str, Any]:
        """The current data of a community's dashboard. May wait."""
        scope = Scope(community_id)
        members = self._people.page(scope, 0, MAX_NAMED).items
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


@dataclass(frozen=True, slots=True)
class PeopleServices:
    reports: Reports
    dashboards: DashboardData


MAX_NAMED = 50
"""Maximum number of online people named in a dashboard event."""


def build(base: Base) -> ReportServices:
    columns, peaks, active_peak = base.services[Columns], base.services[Peaks], base.services[ActivePeak]

    def unwritten_peaks(scope: Scope) -> Mapping[str, int]:
        if scope != SITE:
            return peaks.unwritten(scope)
        active_peak.measure()  # so that no page shows more current visitors than the peak
        return active_peak.unwritten(scope)

    reports = Insights(base.database, base.clock, columns, unwritten_peaks)
    return ReportServices(
        reports=reports,
        public_reports=reports.for_public(),
        page_totals=PageTotals(base, columns),
    )


def build_people(base: Base) -> PeopleServices:
    """Build the reports about people."""
    reports = Reports(base.database, base.clock, base.signals.visitor_converted.send)
    return PeopleServices(reports, DashboardData(base, reports))


def people(visitors: Visitors) -> dict[str, int]:
    """Return a report's fields as dashboards and the tracker send them."""
    return {
        "authenticated_visitors": visitors.people.authenticated,
        "anonymous_visitors": visitors.people.anonymous,
        "total_unique_visitors": sum(visitors.people),
    }
