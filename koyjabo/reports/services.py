"""The services that this package offers to other packages."""

from collections.abc import Mapping
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.columns import Columns
from koyjabo.presence.members.peaks import Peaks
from koyjabo.presence.visitors.active_peak import ActivePeak
from koyjabo.reports.engine.insights import Insights
from .community_people import Reports
from .dashboard_data import DashboardData


@dataclass(frozen=True, slots=True)
class ReportServices:
    reports: Insights
    public_reports: Insights  # for readers without an account


@dataclass(frozen=True, slots=True)
class PeopleServices:
    reports: Reports
    dashboards: DashboardData


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
    )


def build_people(base: Base) -> PeopleServices:
    """Build the reports about people."""
    reports = Reports(base.database, base.clock, base.signals.visitor_converted.send)
    return PeopleServices(reports, DashboardData(base, reports))
