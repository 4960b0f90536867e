"""The services that this package offers to others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.reports.services import ReportServices
from koyjabo.reports.visit_log.live.attended_times import LiveTime, times_of
from koyjabo.reports.visit_log.live.feed import MAX_ROWS, LivePanel
from .live import feed_queries
from .visit_log import VisitLog


@dataclass(frozen=True, slots=True)
class VisitLogServices:
    log: VisitLog
    live_panel: LivePanel
    live_times: Callable[[], Mapping[str, LiveTime]]
    """Returns the attended times of the visits on the Live page, by visit id. Raises LedgerUnavailable."""


def build(base: Base) -> VisitLogServices:
    services = base.services

    def live_times() -> Mapping[str, LiveTime]:
        return times_of(base.database.read(feed_queries.measured_newest, MAX_ROWS), services[AttendanceWriter])

    log = VisitLog(base.database, base.clock, services[ReportServices].parser)
    return VisitLogServices(log, LivePanel(base), live_times)
