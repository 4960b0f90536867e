"""Facts about the server for the Health and Data pages: version, database, Redis, disk, workers, backups, recounts.
Also whether this worker can serve visitors, for `/readyz` and the Health page.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.workers import Drop, RunningJob, Worker, Workers
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account
from koyjabo.base.database import free_space
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.timelines import TIMELINES
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.base.settings.database_url import file_of, is_ephemeral
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.outage import LATE_S, Unsaved
from koyjabo.counting.services import CountingServices
from koyjabo.counting.visits import Visits
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.realtime.fanout import socket_counts
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.visit_log import import_queries
from koyjabo.upkeep.health import queries
from koyjabo.upkeep.health.queries import DatabaseFacts, Importing
from koyjabo.upkeep.recounts.recounts import Recounts, RecountState
from koyjabo.upkeep.retention import retention

MEMORY = Path("/proc/self/statm")


class Installation(NamedTuple):
    """Facts that do not change while the server runs."""

    kind: str  # "SQLite" or "PostgreSQL"
    survives_deploy: bool  # False for a file that the host deletes on the next deployment
    folder: Path  # the folder containing the database file or, with PostgreSQL, the program
    has_redis: bool
    workers: int  # WEB_CONCURRENCY
    trusted_proxies: int
    retention_days: int


class WorkerGauges(NamedTuple):
    """Values that a worker measures about itself."""

    sockets: Callable[[], dict[str, int]]  # number of sockets by SOCKET_KINDS
    lag_s: Callable[[], float]  # last measured event loop delay
    unsaved: Callable[[], Unsaved | None]
    reads_ledger: Callable[[], bool]  # whether the last regular read of the counter succeeded
    drops: Callable[[], tuple[Drop, ...]]


class SystemFacts(NamedTuple):
    installation: Installation
    database: DatabaseFacts
    database_ms: int  # upper bound on a ping's response time
    clock_off_ms: int | None  # how far the database's clock is ahead of this machine's; None if it is the same clock
    disk: Disk | None  # of `installation.folder`; None if the system does not report it
    redis_ms: float | None  # response time, measured within about the last second; None while Redis is down
    redis_refusal: str  # why Redis refuses this worker, in its own words; "" if it does not
    workers: list[Worker]
    unsaved: Unsaved | None  # None while visits are being saved
    recounts: RecountState
    now_ms: int


UNREAD = SystemFacts(
    installation=Installation("", True, Path(), False, 1, 0, 0),
    database=DatabaseFacts(0, "", 0, 0, None, None),
    database_ms=0,
    clock_off_ms=None,
    disk=None,
    redis_ms=None,
    redis_refusal="",
    workers=[],
    unsaved=None,
    recounts=RecountState(None, None),
    now_ms=0,
)
"""The facts to show if the database has never been read."""


class Data(NamedTuple):
    """Past and running operations on the data."""

    jobs: list[RunningJob]  # on all workers, oldest first
    importing: Importing
    backup: AuditRecord | None
    retention_ms: int | None
    retention_days: int


class System:
    """Collects the facts. Call `report` every second.

    Methods that take an account are for site admins and viewers. They raise Forbidden for other accounts, or
    LedgerUnavailable.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        workers: Workers,
        recounts: Recounts,
        jobs: RunningJobs,
        installation: Installation,
        gauges: WorkerGauges,
    ) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._recounts = recounts
        self._jobs = jobs
        self._installation = installation
        self._gauges = gauges
        self._id = workers.own_id
        self._started_ms = clock.now_ms()

    def facts(self, account: Account) -> SystemFacts:
        account.require_site_viewer()
        began_ms, began_now_ms = self._clock.elapsed_ms(), self._clock.now_ms()
        database_clock_ms = self._database.read(queries.clock_ms)
        took_ms = self._clock.elapsed_ms() - began_ms
        database, recounts = self._database.read(queries.facts, retention.WORK), self._recounts.state(account)
        return self.facts_without_database(account, None)._replace(
            database=database,
            database_ms=took_ms + 1,
            clock_off_ms=None if database_clock_ms is None else round(database_clock_ms - began_now_ms - took_ms / 2),
            recounts=recounts,
        )

    @property
    def reads_ledger(self) -> bool:
        """Whether the database responded to this worker's last regular read, about a second ago."""
        return self._gauges.reads_ledger()

    def facts_without_database(self, account: Account, last: SystemFacts | None) -> SystemFacts:
        """The current facts that do not need the database, plus the last known facts from it. Does not wait."""
        account.require_site_viewer()
        self.report()
        known = last or UNREAD._replace(installation=self._installation)
        return known._replace(
            disk=free_space.read_disk(self._installation.folder),
            redis_ms=self._workers.redis_ms,
            redis_refusal=self._workers.redis_refusal,
            workers=self._workers.live(),
            unsaved=self.unsaved(),
            now_ms=self._clock.now_ms(),
        )

    def data(self, account: Account) -> Data:
        account.require_site_viewer()
        is_importing = self._database.read(import_queries.is_going_on)
        database = self._database.read(queries.facts, retention.WORK)
        self.report()
        return Data(
            jobs=sorted((job for worker in self._workers.live() for job in worker.jobs), key=lambda job: job.began_ms),
            importing=self._database.read(queries.importing, is_importing),
            backup=database.backup,
            retention_ms=database.retention_ms,
            retention_days=self._installation.retention_days,
        )

    def mark_rollback_seen(self, account: Account, at_ms: int) -> None:
        """See `Health.mark_rollback_seen`."""
        account.require_site_admin()
        self._database.write(queries.mark_rollback_seen, audit.actor(account, self._clock), at_ms)

    def unsaved(self) -> Unsaved | None:
        """Visits that live workers could not save; None while visits are being saved. Does not wait."""
        own, others = self._gauges.unsaved(), [worker for worker in self._workers.live() if worker.id != self._id]
        outages = [] if own is None else [own]
        for worker in others:
            if worker.unsaved_ms is not None:
                outages.append(Unsaved(worker.unsaved_ms, worker.unsaved_cause, worker.refused))
        if not outages:
            return None
        return Unsaved(
            min(outage.since_ms for outage in outages),
            next((outage.cause for outage in outages if outage.cause), ""),
            sum(outage.refused for outage in outages),
            sum(outage.refused > 0 for outage in outages),
        )

    def report(self) -> None:
        """Report this worker's state to the other workers. Does not wait."""
        self._workers.report(self._me())

    def _me(self) -> Worker:
        unsaved = self._gauges.unsaved()
        return Worker(
            id=self._id,
            host=platform.node(),
            pid=os.getpid(),
            started_ms=self._started_ms,
            seen_ms=self._clock.now_ms(),
            memory_kb=_memory_kb(),
            sockets=self._gauges.sockets(),
            recount=self._recounts.progress(),
            lag_ms=round(self._gauges.lag_s() * 1000, 1),
            unsaved_ms=unsaved.since_ms if unsaved else None,
            unsaved_cause=unsaved.cause if unsaved else "",
            refused=unsaved.refused if unsaved else 0,
            jobs=self._jobs.running(),
            drops=self._gauges.drops(),
        )


class Ready(NamedTuple):
    ok: bool
    ms: float | None = None  # response time, or delay
    error: str | None = None  # one sentence, in English


class Readiness:
    """Checks this worker. `lag_s` returns the last measured event loop delay. `redis_responds` returns whether Redis
    responded to the last regular call, about a second ago, so that no request has to wait for Redis; None without
    Redis.
    """

    def __init__(
        self, visits: Visits, lag_s: Callable[[], float], redis_responds: Callable[[], bool] | None, workers: Workers
    ) -> None:
        self._visits = visits
        self._lag_s = lag_s
        self._redis_responds = redis_responds
        self._workers = workers

    def checks(self) -> dict[str, Ready]:
        """Results by name: `database`, `writer`, `loop`, and `redis` if it is used. Never raises."""
        checks = {"database": self._database(), "writer": self._writer(), "loop": self._loop()}
        if self._redis_responds is not None:
            checks["redis"] = self._redis(self._redis_responds())
        return checks

    @property
    def refuses_old_primary(self) -> bool:
        """Whether the last database server reached was refused as an old primary (`base.database.timelines`)."""
        return bool(TIMELINES.refusal)

    def _database(self) -> Ready:
        began = time.perf_counter()
        stale = self._visits.stats().stale
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        return Ready(not stale, took_ms, (TIMELINES.refusal or "It does not respond.") if stale else None)

    def _redis(self, responds: bool) -> Ready:
        if self._workers.redis_refusal:
            return Ready(False, error="It refuses this server.")
        return Ready(responds, error=None if responds else "It does not respond.")

    def _writer(self) -> Ready:
        """Check the commit queue. This fails well before visitors get a 503, which happens after 5 s."""
        writer = self._visits.writer()
        if writer.has_failed:
            return Ready(False, error="The last commit failed.")
        late = writer.oldest_s > LATE_S
        error = f"{writer.waiting} visits are waiting for their commit, the oldest for {writer.oldest_s:.1f} s."
        return Ready(not late, round(writer.oldest_s * 1000, 1), error if late else None)

    def _loop(self) -> Ready:
        lag_s = self._lag_s()
        late = lag_s > LATE_S
        return Ready(not late, round(lag_s * 1000, 1), "The worker is overloaded." if late else None)


def _memory_kb() -> int | None:
    with suppress(OSError):
        return int(MEMORY.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return None


def build(base: Base) -> System:
    counting, fanout = base.services[CountingServices], base.services[RealtimeServices].fanout
    gauges = WorkerGauges(
        sockets=lambda: socket_counts(fanout),
        lag_s=base.services[ObservabilityServices].lag_s,
        unsaved=counting.unsaved.now,
        reads_ledger=lambda: not counting.visits.newest().stale,
        drops=base.services[ObservabilityServices].dropped.lately,
    )
    recounts, jobs = base.services[Recounts], base.services[RunningJobs]
    installation = _installation(base.settings, base.cluster.redis is not None)
    return System(base.database, base.clock, base.cluster.workers, recounts, jobs, installation, gauges)


def _installation(settings: Settings, has_redis: bool) -> Installation:
    """The installation. `config` refuses ephemeral storage unless the setting allows it, so both are checked here."""
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


def build_readiness(base: Base) -> Readiness:
    observability = base.services[ObservabilityServices]
    visits, workers = base.services[CountingServices].visits, base.cluster.workers
    return Readiness(visits, observability.lag_s, observability.redis_responds, workers)
