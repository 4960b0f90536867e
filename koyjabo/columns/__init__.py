"""Columns stores visits and events as columns, records events, and keeps running sums for report queries. Begin with
`columns.py`, the only class that other areas use, and `query/report_query.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

TABLES = ("blocks.models",)
UPKEEP = ("upkeep_queries:ColumnRules",)


def register(base: "Base") -> None:
    from koyjabo.base.observability import all_metrics
    from koyjabo.base.observability.observability_services import ObservabilityServices
    from koyjabo.counting.evidence.attendance_writer import DROP_ATTENDANCE_S, AttendanceWriter
    from .block_writer import STORING_POLL_S, BlockWriter
    from .blocks.block_queries import correct_attended
    from .columns import Columns
    from .dimensions.sources import own_hosts
    from .dimensions.trait_parser import TraitParser
    from .events.event_ledger import EventLedger
    from .sums.running_sums import RunningSums

    parser = base.services.add(TraitParser(own_hosts(base.settings)))
    sums, events = RunningSums(parser, base.clock), EventLedger(base)
    writer = BlockWriter(base, sums)
    base.services.add(Columns(sums, writer, events))
    base.on(base.signals.settings_changed, writer.follow_settings)
    attendance = base.services[AttendanceWriter]
    base.every(STORING_POLL_S, writer.tick)
    base.every(DROP_ATTENDANCE_S, lambda: attendance.drop(correct_attended))
    base.at_stop(events.close)
    gauges = base.services[ObservabilityServices].gauges
    gauges.provide(all_metrics.UNPROJECTED_VISITS_GAUGE, lambda: writer.last_behind)
    gauges.provide(all_metrics.FREE_DISK_GAUGE, lambda: (disk := events.space.disk()) and disk.free)
