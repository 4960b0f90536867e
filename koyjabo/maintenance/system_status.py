"""The status of the system for the panel: version, database, Redis, workers, settings, adjustments and recounts."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from koyjabo.audit.log import AuditRecord
from koyjabo.clock import Clock
from koyjabo.cluster.workers import SOCKET_KINDS, Progress, Worker, Workers
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.identity import Account
from koyjabo.installation import VERSION
from koyjabo.maintenance import system_queries
from koyjabo.maintenance.recount_job import Recounts
from koyjabo.maintenance.system_queries import TotalAdjustment

__all__ = ["SETTINGS", "SOCKET_KINDS", "Facts", "Storage", "System", "TotalAdjustment", "Worker"]

SETTINGS = (
    "ENVIRONMENT",
    "TIMEZONE",
    "WEB_CONCURRENCY",
    "ACTIVE_WINDOW_SECONDS",
    "LEAVE_GRACE_SECONDS",
    "UPDATE_INTERVAL_MS",
    "ALLOWED_ORIGINS",
    "TRUSTED_PROXIES",
    "MAX_CONNECTIONS",
    "RATE_LIMIT_REGISTRATIONS",
    "RATE_LIMIT_LOGINS",
    "RATE_LIMIT_ACTIONS",
    "RATE_LIMIT_CHANGES",
    "RATE_LIMIT_REPORTS",
    "RATE_LIMIT_SOCKETS",
    "LOG_LEVEL",
    "LOG_FORMAT",
)
"""The settings that are shown. No secrets, no addresses of databases, no paths."""

MEMORY = Path("/proc/self/statm")


class Storage(NamedTuple):
    kind: str  # "SQLite" or "PostgreSQL"
    survives_deploy: bool  # False for a file that the host deletes with the next deploy


class Facts(NamedTuple):
    version: str
    database: Storage
    database_ms: float  # the response time of a ping
    has_redis: bool
    redis_ms: float | None  # the response time within the last second or so; None while Redis is away
    workers: list[Worker]
    starting_total: int
    adjustments: list[TotalAdjustment]  # newest first
    settings: Mapping[str, object]
    recount: Progress | None  # the running one, of any worker
    last_recount: AuditRecord | None  # its beginning or its result (`recount_job.RecountState`)


class System:
    """`sockets` returns the number of this worker's sockets by SOCKET_KINDS. Call `report` every second."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        workers: Workers,
        recounts: Recounts,
        sockets: Callable[[], dict[str, int]],
        storage: Storage,
        has_redis: bool,
        settings: Mapping[str, object],
    ) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._recounts = recounts
        self._sockets = sockets
        self._storage = storage
        self._has_redis = has_redis
        self._settings = settings
        self._id = uuid.uuid4().hex
        self._started_ms = clock.now_ms()

    def status(self, account: Account) -> Facts:
        """For admins and viewers of the site; raises Forbidden for other accounts. Raises LedgerUnavailable."""
        account.require_site_viewer()
        began = time.perf_counter()
        self._database.read(system_queries.ping)
        database_ms = (time.perf_counter() - began) * 1000
        self.report()
        recounts = self._recounts.state(account)
        return Facts(
            version=VERSION,
            database=self._storage,
            database_ms=database_ms,
            has_redis=self._has_redis,
            redis_ms=self._workers.redis_ms,
            workers=self._workers.live(),
            starting_total=self._database.read(system_queries.starting_total),
            adjustments=self._database.read(system_queries.adjustments),
            settings=self._settings,
            recount=recounts.running,
            last_recount=recounts.last,
        )

    def report(self) -> None:
        """Publish this worker's state to the other workers. Does not wait."""
        self._workers.report(self._me())

    def _me(self) -> Worker:
        return Worker(
            id=self._id,
            host=platform.node(),
            pid=os.getpid(),
            started_ms=self._started_ms,
            seen_ms=self._clock.now_ms(),
            memory_kb=_memory_kb(),
            sockets=self._sockets(),
            recount=self._recounts.progress(),
        )


def _memory_kb() -> int | None:
    with suppress(OSError):
        return int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return None
