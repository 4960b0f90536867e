"""The services that this package offers to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.services import CountingServices
from koyjabo.presence.services import PresenceServices
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.services import ReportServices
from koyjabo.reports.visit_log.live import feed_queries
from koyjabo.reports.visit_log.live.attended_times import AttendedTimes, LiveTime, times_of
from koyjabo.reports.visit_log.live.feed import MAX_ROWS, Feed, LivePanel
from koyjabo.reports.visit_log.visit_log import VisitLog


@dataclass(frozen=True, slots=True)
class VisitLogServices:
    log: VisitLog
    live_panel: LivePanel
    live_times: Callable[[], Mapping[str, LiveTime]]
    """Returns the attended times of the visits on the Live page, by visit id. Raises LedgerUnavailable."""


def build(base: Base) -> VisitLogServices:
    services, window_s = base.services, base.settings.active_window_seconds
    visits, arrivals = services[CountingServices].visits, services[PresenceServices].arrivals
    attendance = services[AttendanceWriter]

    def new_feed() -> Feed:
        return Feed(base.database, base.clock, visits, arrivals, window_s, AttendedTimes(base.clock, attendance))

    def live_times() -> Mapping[str, LiveTime]:
        return times_of(base.database.read(feed_queries.measured_newest, MAX_ROWS), attendance)

    panel = LivePanel(services[RealtimeServices].rooms, new_feed)
    return VisitLogServices(VisitLog(base.database, base.clock, services[ReportServices].parser), panel, live_times)
