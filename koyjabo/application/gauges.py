"""Computes the current values of the gauges. Does not import Prometheus."""

from __future__ import annotations

from collections import Counter

from koyjabo.base.core.services import Services
from koyjabo.base.models import Backup
from koyjabo.base.observability import gauges
from koyjabo.base.observability.metrics import OTHER
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.services import CountingServices
from koyjabo.realtime.fanout import socket_counts
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.services import ReportServices
from koyjabo.upkeep.backups.backups import Backups

MOST_COMMUNITIES = 50


def values_of(services: Services) -> gauges.Values:
    visits, observability, reports = (
        services[CountingServices].visits,
        services[ObservabilityServices],
        services[ReportServices],
    )
    writer, redis_responds = visits.writer(), observability.redis_responds
    disk = reports.events.space.disk()
    redis = {} if redis_responds is None else {gauges.REDIS.name: {"": float(redis_responds())}}
    return {
        gauges.WORKERS.name: {"": 1},
        gauges.CONNECTIONS.name: socket_counts(services[RealtimeServices].fanout),
        gauges.ACTIVE.name: {"": visits.newest().active},
        gauges.COMMUNITIES.name: _largest(services[CommunityServices].participants.counts()),
        gauges.WAITING.name: {"": writer.waiting},
        gauges.OLDEST.name: {"": writer.oldest_s},
        gauges.UNPROJECTED.name: {"": reports.storing.last_behind},
        gauges.LAG.name: {"": observability.lag_s()},
        gauges.DATABASE.name: {"": float(not visits.newest().stale)},
        **({gauges.FREE.name: {"": disk.free}} if disk else {}),
        **redis,
        **_of_backups(services[Backups].figures),
        gauges.BUILD.name: {gauges.build(): 1},
    }


def _largest(counts: Counter[str]) -> dict[str, int]:
    largest = dict(counts.most_common(MOST_COMMUNITIES))
    rest = counts.total() - sum(largest.values())
    return {**largest, OTHER: rest} if rest else largest


def _of_backups(figures: tuple[Backup | None, int] | None) -> dict[str, dict[str, float]]:
    if figures is None:
        return {}
    proven, failures = figures
    values = {
        gauges.BACKUP: None if proven is None or proven.proven_ms is None else proven.proven_ms / 1000,
        gauges.BACKUP_BYTES: None if proven is None else proven.bytes,
        gauges.BACKUP_FAILURES: failures,
    }
    return {gauge.name: {"": value} for gauge, value in values.items() if value is not None}
