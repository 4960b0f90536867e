"""Since when visits have not been saved (decision 60)."""

from __future__ import annotations

import time

from koyjabo.core.clock import Clock
from koyjabo.counting.ledger import Writer
from koyjabo.counting.visits import Visits

LATE_S = 1.5
"""The longest accepted wait of a visit for its commit."""


class UnsavedVisits:
    """What this worker knows: its own commits, and the counter, which every worker moves. Call `refresh` every second.

    Visits of other workers that fail are in their reports (`cluster.workers`).
    """

    def __init__(self, visits: Visits, clock: Clock) -> None:
        self.since_ms: int | None = None
        """When the first visit came that was not saved; None once any visit was saved after it. UTC."""
        self._visits = visits
        self._clock = clock
        self._revision = visits.site.snapshot.revision
        self._saved_at = self._looked_at = time.monotonic()

    def refresh(self) -> None:
        """Look at the queue of commits, and at the counter as it was last read."""
        writer, revision, now = self._visits.writer(), self._visits.site.snapshot.revision, time.monotonic()
        if revision != self._revision:  # at some time since the last look, perhaps before a visit that failed
            self._revision, self._saved_at = revision, self._looked_at
        self._looked_at = now
        came_at = self._first_unsaved(writer, now)
        if came_at is None:
            self.since_ms = None
        elif self.since_ms is None:
            self.since_ms = self._clock.now_ms() - round(1000 * (now - came_at))

    def _first_unsaved(self, writer: Writer, now: float) -> float | None:
        """When the first visit came that failed, or waits too long while none is saved; monotonic s."""
        if writer.failing_since is not None and writer.failed_at > self._saved_at:
            return max(writer.failing_since, self._saved_at)
        if writer.oldest_s > LATE_S and now - self._saved_at > LATE_S:
            return max(now - writer.oldest_s, self._saved_at)
        return None
