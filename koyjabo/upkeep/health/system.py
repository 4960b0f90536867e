"""Facts about the server for the Health and Data pages: version, database, Redis, disk, workers, backups, recounts.
Also whether this worker can serve visitors, for `/readyz` and the Health page.
"""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.workers import RunningJob, Worker
from koyjabo.base.core.identity import Account
from koyjabo.base.database import free_space
from koyjabo.base.database.free_space import Disk
from koyjabo.base.database.timelines import TIMELINES
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.base.settings.database_url import file_of, is_ephemeral
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.ledger import LATE_S, Unsaved
from koyjabo.counting.services import CountingServices
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.mail.outbox_queries import Status
from koyjabo.realtime.fanout import socket_counts
from koyjabo.realtime.services import RealtimeServices
from koyjabo.upkeep.backups.backups import BackupState
from koyjabo.upkeep.recounts.recounts import Recounts, RecountState
from . import queries
from .queries import DatabaseFacts

MEMORY = Path("/proc/self/statm")
SILENT = "It does not respond."


class Installation(NamedTuple):
    """How the server was installed."""

    kind: str  # "SQLite" or "PostgreSQL"
    survives_deploy: bool  # False for a file that the host deletes on the next deployment
    folder: Path  # the folder containing the database file or, with PostgreSQL, the program
    has_redis: bool
    workers: int  # WEB_CONCURRENCY
    trusted_proxies: int
    retention_days: int


class Ready(NamedTuple):
    ok: bool
    ms: float | None = None  # response time, or delay
    error: str | None = None  # one sentence, in English


class SystemFacts(NamedTuple):
    """Facts about the server. `Health` adds the last five."""

    installation: Installation
    database: DatabaseFacts = DatabaseFacts()
    database_ms: int = 0  # upper bound on a ping's response time
    clock_off_ms: int | None = None  # how far the database's clock is ahead of ours; None if it is the same clock
    disk: Disk | None = None  # of `installation.folder`; None if the system does not report it
    redis_ms: float | None = None  # response time, measured within about the last second; None while Redis is down
    redis_refusal: str = ""  # why Redis refuses this worker, in its own words; "" if it does not
    workers: Sequence[Worker] = ()
    unsaved: Unsaved | None = None  # None while visits are being saved
    recounts: RecountState = RecountState(None, None)
    now_ms: int = 0
    ready: Mapping[str, Ready] = MappingProxyType({})  # the checks of /readyz, by name
    mail: Status | None = None  # None if the server sends no email
    has_countries: bool = False
    is_behind_local_proxy: bool = False  # `LocalProxy` warns
    backups: BackupState | None = None  # None if the server makes no backups itself


class Data(NamedTuple):
    """Past and running operations on the data."""

    jobs: list[RunningJob]  # on all workers, oldest first
    backup: AuditRecord | None


class System:
    """Collects the facts. Call `report` every second.

    Methods that take an account are for site admins and viewers. They raise Forbidden for other accounts, or
    LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        services = base.services
        self._database = base.database
        self._clock = base.clock
        self._workers = base.cluster.workers
        self._recounts = services[Recounts]
        self._jobs = services[RunningJobs]
        self._counting = services[CountingServices]
        self._observability = services[ObservabilityServices]
        self._fanout = services[RealtimeServices].fanout
        self._settings, self._has_redis = base.settings, base.cluster.redis is not None
        self._id = self._workers.own_id
        self._started_ms = base.clock.now_ms()

    @property
    def _installation(self) -> Installation:
        return _installation(self._settings, self._has_redis)

    def facts(self, account: Account) -> SystemFacts:
        account.require_site_viewer()
        began_ms, began_now_ms = self._clock.elapsed_ms(), self._clock.system_ms()
        database_clock_ms = self._database.read(queries.clock_ms)
        took_ms = self._clock.elapsed_ms() - began_ms
        database, recounts = self._database.read(queries.facts), self._recounts.state(account)
        return self.facts_without_database(account, None)._replace(
            database=database,
            database_ms=took_ms + 1,
            clock_off_ms=None if database_clock_ms is None else round(database_clock_ms - began_now_ms - took_ms / 2),
            recounts=recounts,
        )

    @property
    def reads_ledger(self) -> bool:
        """Whether the database responded to this worker's last regular read, about a second ago."""
        return not self._counting.visits.newest().stale

    def facts_without_database(self, account: Account, last: SystemFacts | None) -> SystemFacts:
        """The current facts that do not need the database, plus the last known facts from it. Does not wait."""
        account.require_site_viewer()
        self.report()
        return (last or SystemFacts(self._installation))._replace(
            disk=free_space.read_disk(self._installation.folder),
            redis_ms=self._workers.redis_ms,
            redis_refusal=self._workers.redis_refusal,
            workers=self._workers.live(),
            unsaved=self.unsaved(),
            now_ms=self._clock.system_ms(),
        )

    def data(self, account: Account) -> Data:
        account.require_site_viewer()
        database = self._database.read(queries.facts)
        self.report()
        return Data(
            jobs=sorted((job for worker in self._workers.live() for job in worker.jobs), key=lambda job: job.began_ms),
            backup=database.backup,
        )

    def unsaved(self) -> Unsaved | None:
        """Visits that live workers could not save; None while visits are being saved. Does not wait."""
        own, others = self._counting.unsaved.now(), [worker for worker in self._workers.live() if worker.id != self._id]
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
        unsaved = self._counting.unsaved.now()
        me = Worker(
            id=self._id,
            host=platform.node(),
            pid=os.getpid(),
            started_ms=self._started_ms,
            seen_ms=self._clock.now_ms(),
            memory_kb=_memory_kb(),
            sockets=socket_counts(self._fanout),
            recount=self._recounts.progress(),
            lag_ms=round(self._observability.lag_s() * 1000, 1),
            unsaved_ms=unsaved.since_ms if unsaved else None,
            unsaved_cause=unsaved.cause if unsaved else "",
            refused=unsaved.refused if unsaved else 0,
            jobs=self._jobs.running(),
            drops=self._observability.dropped.lately(),
        )
        self._workers.report(me)


class Readiness:
    """Checks this worker. Does not wait for Redis."""

    def __init__(self, base: Base) -> None:
        self._visits = base.services[CountingServices].visits
        self._workers = base.cluster.workers
        self._lag_s = base.services[ObservabilityServices].lag_s
        self._redis_responds = base.cluster.redis_responds  # to the last regular call, about a second ago

    def checks(self) -> dict[str, Ready]:
        """Results by name: `database`, `writer`, `loop`, and `redis` if it is used. Never raises."""
        writer = self._visits.writer()
        waiting = f"{writer.waiting} visits are waiting for their commit, the oldest for {writer.oldest_s:.1f} s."
        checks = {
            "database": self._database(),
            "writer": _in_time(writer.oldest_s, waiting),  # late well before visitors get a 503, which takes 5 s
            "loop": _in_time(self._lag_s(), "The worker is overloaded."),
        }
        if writer.has_failed:
            checks["writer"] = Ready(False, error="The last commit failed.")
        if self._redis_responds is not None:
            error = None if self._redis_responds() else SILENT
            if self._workers.redis_refusal:
                error = "It refuses this server."
            checks["redis"] = Ready(error is None, error=error)
        return checks

    @property
    def refuses_old_primary(self) -> bool:
        """Whether the last database server reached was refused as an old primary (`base.database.timelines`)."""
        return bool(TIMELINES.refusal)

    def _database(self) -> Ready:
        began = time.perf_counter()
        stale = self._visits.stats().stale
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        return Ready(not stale, took_ms, (TIMELINES.refusal or SILENT) if stale else None)


def _in_time(delay_s: float, error: str) -> Ready:
    is_late = delay_s > LATE_S
    return Ready(not is_late, round(delay_s * 1000, 1), error if is_late else None)


def _memory_kb() -> int | None:
    with suppress(OSError):
        return int(MEMORY.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return None


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
