"""Tracks visits that could not be saved. A worker only knows its own commits and the counter."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.outage_causes import cause_of
from koyjabo.counting.records import VisitKey

log = logging.getLogger(__name__)

FAILED_LATELY_S = 10.0
"""How long a failed commit counts as a current failure, s. If it counted forever, a load balancer that avoids the
worker would never send it the visit that would show its recovery.
"""

MAX_REFUSED = 20_000
"""Maximum number of refused visits that are counted in an outage."""

LATE_S = 1.5
"""How long a visit may wait for its commit, s."""


class Writer(NamedTuple):
    """The state of the commit queue."""

    waiting: int  # uncommitted visits
    oldest_s: float  # how long the first of them has waited
    has_failed: bool  # a commit failed within the last FAILED_LATELY_S, and none has succeeded since
    failing_since: float | None  # when the first failed visit arrived, monotonic s; None after a success
    failed_at: float  # time of the latest failure, monotonic s; 0.0 before the first
    cause: str = ""  # one of `outage_causes.CAUSES`; "" if unknown
    refused: int = 0  # visits that have failed since `failing_since`; a visit's retries are not counted again


class Outage:
    """A period of failing commits on this worker: since when, why, and how many visits were refused."""

    def __init__(self) -> None:
        self._since: float | None = None  # monotonic s, like `_failed_at`
        self._failed_at = 0.0
        self._cause = ""
        self._refused: set[VisitKey] = set()

    def writer(self, waiting: int, oldest_s: float) -> Writer:
        lately = time.monotonic() - self._failed_at < FAILED_LATELY_S
        has_failed = self._since is not None and lately
        return Writer(
            waiting=waiting,
            oldest_s=oldest_s,
            has_failed=has_failed,
            failing_since=self._since,
            failed_at=self._failed_at,
            cause=self._cause,
            refused=len(self._refused),
        )

    def refuse(self, key: VisitKey) -> None:
        """Count a refused visit."""
        if len(self._refused) < MAX_REFUSED:
            self._refused.add(key)

    def failed(self, error: Exception, came_at: float) -> None:
        """Record a failed commit. `came_at` is when its first visit arrived, monotonic s. Logs the first failure."""
        self._failed_at = time.monotonic()
        self._cause = cause_of(error.__cause__ or error) or self._cause
        if self._since is None:
            self._since = came_at
            log.error("ledger_unavailable cause=%r", str(error.__cause__ or error).strip())

    def succeeded(self) -> None:
        """Record a successful commit. Logs the first one after a failure."""
        if self._since is not None:
            self._since, self._cause = None, ""
            self._refused.clear()
            log.warning("ledger_recovered")


class Unsaved(NamedTuple):
    """Visits that are not being saved."""

    since_ms: int  # when the first of them arrived, UTC
    cause: str = ""  # one of `outage_causes.CAUSES`; "" if unknown
    refused: int = 0  # visits that got a 503; a retry on another worker counts again
    workers: int = 1  # workers that refused visits; a page may have retried on another one


class UnsavedVisits:
    """Tracks how long visits have not been saved, as far as this worker can see: from its own commits, and from the
    counter, which changes with every worker's commits. `revision` returns the counter's last known revision. Call
    `refresh` every second. Other workers' failures are in their reports (`base.cluster.workers`).
    """

    def __init__(self, writer: Callable[[], Writer], revision: Callable[[], int], clock: Clock) -> None:
        self.since_ms: int | None = None
        """When the first unsaved visit arrived, ms since 1970 UTC; None once a later visit has been saved."""
        self._writer = writer
        self._counter_revision = revision
        self._clock = clock
        self._revision = revision()
        self._saved_at = self._looked_at = time.monotonic()

    def now(self) -> Unsaved | None:
        """The state at the last `refresh`."""
        if self.since_ms is None:
            return None
        writer = self._writer()
        return Unsaved(self.since_ms, writer.cause, writer.refused)

    def refresh(self) -> None:
        """Update the state from the commit queue and from the last known revision of the counter."""
        writer, revision, now = self._writer(), self._counter_revision(), time.monotonic()
        if revision != self._revision:  # a commit since the last refresh, perhaps from before a failed visit
            self._revision, self._saved_at = revision, self._looked_at
        self._looked_at = now
        came_at = self._first_unsaved(writer, now)
        if came_at is None:
            self.since_ms = None
        elif self.since_ms is None:
            self.since_ms = self._clock.now_ms() - round(1000 * (now - came_at))

    def _first_unsaved(self, writer: Writer, now: float) -> float | None:
        """The arrival time of the first visit that has failed, or has waited too long while no visits are being saved;
        monotonic s.
        """
        if writer.failing_since is not None and writer.failed_at > self._saved_at:
            return max(writer.failing_since, self._saved_at)
        if writer.oldest_s > LATE_S and now - self._saved_at > LATE_S:
            return max(now - writer.oldest_s, self._saved_at)
        return None
