"""What status offers to other packages."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.badges.values import MorePhrases
from koyjabo.cluster.base import Base
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.observability.services import ObservabilityServices
from koyjabo.presence.services import PresenceServices
from koyjabo.status.measurements import Measurements
from koyjabo.status.status import LiveStatus


@dataclass(frozen=True, slots=True)
class StatusServices:
    measurements: Measurements
    status: LiveStatus
    is_shown: bool


def build(base: Base) -> StatusServices:
    settings, services, cluster = base.settings, base.services, base.cluster
    visits = services[CountingServices].visits
    measurements = Measurements(
        base.database, base.clock, cluster.workers, lambda: visits.retries, has_leases=cluster.redis is not None
    )
    services[ObservabilityServices].socket_log.on_delivered = measurements.pushed
    services[PresenceServices].member_changes.freed = measurements.freed
    has_backups = services[MaintenanceServices].backups.is_on
    outage_ms, is_away = (lambda: measurements.outage_ms), (lambda: visits.newest().stale)
    status = LiveStatus(base.database, base.clock, outage_ms, is_away, has_backups)
    if settings.status_page:
        services[MorePhrases].by_value["status"] = status.badge
    return StatusServices(measurements, status, settings.status_page)
