"""Visits that could not be saved, as far as one worker knows: from its own commits, and from the counter."""

import time
from collections.abc import Callable
from typing import NamedTuple

from koyjabo.base.core.clock import Clock
from .outage import Writer

COMMIT_LATE_S = 1.5
"""How long a visit may wait for its commit, s."""


class Unsaved(NamedTuple):
    """Visits that are not being saved."""

    since_ms: int  # when the first of them arrived, UTC
    cause: str = ""  # one of `outage_causes.OUTAGE_CAUSES`; "" if unknown


class UnsavedVisits:
    """Tracks how long visits have not been saved. `revision` returns the counter's last known revision, which changes
    with every worker's commits. Call `refresh` every second. Other workers' failures are in their reports
    (`base.cluster.workers`).
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
        return Unsaved(self.since_ms, self._writer().cause)

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
        if writer.oldest_s > COMMIT_LATE_S and now - self._saved_at > COMMIT_LATE_S:
            return max(now - writer.oldest_s, self._saved_at)
        return None
