"""What maintenance offers to other packages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from koyjabo.cluster.base import Base
from koyjabo.counting.services import CountingServices
from koyjabo.jobs.running_jobs import RunningJobs
from koyjabo.mail.outbox import MailOutbox
from koyjabo.maintenance.backups.backups import Backups
from koyjabo.maintenance.backups.download import BackupDownload
from koyjabo.maintenance.backups.targets import BackupTargets
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.health.health import Health
from koyjabo.maintenance.health.readiness import Readiness
from koyjabo.maintenance.health.system import Installation, System, WorkerGauges
from koyjabo.maintenance.nightly import Nightly
from koyjabo.maintenance.recount_job import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.total import TotalAdjuster
from koyjabo.models import Scope
from koyjabo.network.services import NetworkServices
from koyjabo.observability.services import ObservabilityServices
from koyjabo.realtime.fanout import socket_counts
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.services import ReportServices
from koyjabo.settings.catalogue import Setting, catalogue
from koyjabo.settings.database_url import file_of, is_ephemeral
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class MaintenanceServices:
    total: TotalAdjuster
    retention: Retention
    nightly: Nightly
    erasure: Erasure
    recounts: Recounts
    backups: Backups
    backup_download: BackupDownload
    backup_targets: BackupTargets
    jobs: RunningJobs
    system: System
    readiness: Readiness
    health: Health
    settings: tuple[Setting, ...]


def build(base: Base) -> MaintenanceServices:
    def forgotten(visitor_id: str, scopes: Collection[Scope]) -> None:
        base.signals.visitor_forgotten.send(visitor_id, scopes=scopes)

    database, clock, runtime, services, cluster = base.database, base.clock, base.runtime, base.services, base.cluster
    reports, outbox, observability = services[ReportServices], services[MailOutbox], services[ObservabilityServices]
    retention, jobs = Retention(database, clock, reports.projection, base.settings.retention_days), RunningJobs(clock)
    recounts = Recounts(database, clock, runtime, cluster.workers, lambda: system.report())
    system, places = _system(base, recounts, jobs), services[NetworkServices].places
    backups = Backups(database, clock, runtime, outbox, base.settings)
    readiness = Readiness(services[CountingServices].visits, observability.lag_s, observability.redis_answers)
    health = Health(system, readiness, outbox, backups, clock, lambda: places.has_countries)
    return MaintenanceServices(
        total=TotalAdjuster(database, clock),
        retention=retention,
        nightly=Nightly(database, clock, runtime, retention),
        erasure=Erasure(database, clock, runtime, jobs, forgotten, cluster.drain),
        recounts=recounts,
        backups=backups,
        backup_download=BackupDownload(database, clock, runtime, base.settings),
        backup_targets=BackupTargets.of(base.settings),
        jobs=jobs,
        system=system,
        readiness=readiness,
        health=health,
        settings=catalogue(base.settings),
    )


def _system(base: Base, recounts: Recounts, jobs: RunningJobs) -> System:
    counting, fanout = base.services[CountingServices], base.services[RealtimeServices].fanout
    return System(
        base.database,
        base.clock,
        base.cluster.workers,
        recounts,
        jobs,
        _installation(base.settings, base.cluster.redis is not None),
        WorkerGauges(
            sockets=lambda: socket_counts(fanout),
            lag_s=base.services[ObservabilityServices].lag_s,
            unsaved=counting.unsaved.now,
            reads_ledger=lambda: not counting.visits.newest().stale,
        ),
    )


def _installation(settings: Settings, has_redis: bool) -> Installation:
    """`config` refuses ephemeral storage unless the setting allows it, so both conditions are needed here."""
    file = file_of(settings.database_url)
    return Installation(
        kind="SQLite" if file else "PostgreSQL",
        survives_deploy=not (settings.allow_ephemeral_storage and is_ephemeral(settings.database_url)),
        folder=file.parent if file else Path.cwd(),
        has_redis=has_redis,
        workers=settings.web_concurrency,
        trusted_proxies=settings.trusted_proxies,
        retention_days=settings.retention_days,
    )
