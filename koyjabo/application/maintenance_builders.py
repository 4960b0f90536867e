"""Builds the services of maintenance, from the services that they watch over."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from koyjabo.application.base import Base
from koyjabo.application.services import (
    CountingServices,
    InsightsServices,
    MaintenanceServices,
    ObservabilityServices,
)
from koyjabo.maintenance.erasure import Erasure
from koyjabo.maintenance.health.health import Health
from koyjabo.maintenance.health.readiness import Readiness
from koyjabo.maintenance.health.system import Installation, System
from koyjabo.maintenance.jobs import Jobs
from koyjabo.maintenance.nightly import Nightly
from koyjabo.maintenance.recount_job import Recounts
from koyjabo.maintenance.retention import Retention
from koyjabo.maintenance.total import TotalAdjuster
from koyjabo.models import Scope
from koyjabo.network.geolocation import PlaceFinder
from koyjabo.realtime import socket_counts
from koyjabo.settings.catalogue import catalogue
from koyjabo.settings.database_url import file_of, is_ephemeral
from koyjabo.settings.schema import Settings
from koyjabo.weekly_report.weekly_report import WeeklyReport


def maintenance(
    base: Base,
    counting: CountingServices,
    observability: ObservabilityServices,
    places: PlaceFinder,
    insights: InsightsServices,
) -> MaintenanceServices:
    def forgotten(visitor_id: str, scopes: Collection[Scope]) -> None:
        base.signals.visitor_forgotten.send(visitor_id, scopes=scopes)

    database, clock, runtime, backends = base.database, base.clock, base.runtime, base.backends
    retention, jobs = Retention(database, clock, insights.projection, base.settings.retention_days), Jobs(clock)
    recounts = Recounts(database, clock, runtime, backends.workers, lambda: system.report())
    system = _system(base, recounts, jobs, counting, observability)
    readiness = Readiness(counting.visits, observability.lag_s, observability.redis_answers)
    return MaintenanceServices(
        total=TotalAdjuster(database, clock),
        retention=retention,
        nightly=Nightly(database, clock, runtime, retention),
        weekly_report=WeeklyReport(database, clock, runtime, base.outbox, insights.reports),
        erasure=Erasure(database, clock, runtime, jobs, forgotten, backends.drain),
        recounts=recounts,
        jobs=jobs,
        system=system,
        readiness=readiness,
        health=Health(system, readiness, base.outbox, clock, lambda: places.has_countries),
        settings=catalogue(base.settings),
    )


def _system(
    base: Base, recounts: Recounts, jobs: Jobs, counting: CountingServices, observability: ObservabilityServices
) -> System:
    return System(
        base.database,
        base.clock,
        base.backends.workers,
        recounts,
        jobs,
        _installation(base.settings, base.backends.redis_answers is not None),
        sockets=lambda: socket_counts.sockets(base.backends.fanout),
        lag_s=observability.lag_s,
        unsaved_ms=lambda: counting.unsaved.since_ms,
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
