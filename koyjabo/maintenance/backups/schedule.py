"""When the backup of a day is due: BACKUP_AT, later on a server that was down then, and again after a failure."""

from __future__ import annotations

from collections.abc import Sequence

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.i18n import N_
from koyjabo.database.work_claim_queries import SILENT_MS
from koyjabo.maintenance.backups.run_queries import BackupRow

MOST = 3
"""Attempts a day."""

PAUSE_MS = 3_600_000
"""After a failure, before the next attempt."""

STOPPED = N_("The server stopped while it made this backup.")
"""The failure of one after which there is no pause."""


class Schedule:
    """`at` is a time of the day in TIMEZONE, such as 03:30."""

    def __init__(self, clock: Clock, at: str) -> None:
        self._clock = clock
        self._at = at

    def newest_ms(self) -> int:
        """The newest moment at which the backup of a day was due."""
        today = self._clock.today()
        due_ms = self._clock.at_ms(today, self._at)
        return due_ms if due_ms <= self._clock.now_ms() else self._clock.at_ms(shifted(today, -1), self._at)

    def next_ms(self) -> int:
        today = self._clock.today()
        due_ms = self._clock.at_ms(today, self._at)
        return due_ms if due_ms > self._clock.now_ms() else self._clock.at_ms(shifted(today, 1), self._at)

    def is_due(self, on_since_ms: int, begun: Sequence[BackupRow]) -> bool:
        """Whether to begin one now. `begun` are those since `newest_ms`, the oldest first; none of them runs.

        One that an admin asked for counts if it was proven. One of the future is from a wrong clock and does not.
        """
        now_ms = self._clock.now_ms()
        known = [row for row in begun if row.begun_ms <= now_ms + SILENT_MS]
        tried = [row for row in known if not row.begun_by]
        if on_since_ms >= self.newest_ms() or any(row.proven_ms is not None for row in known) or len(tried) >= MOST:
            return False
        return not tried or tried[-1].error == STOPPED or now_ms - (tried[-1].ended_ms or now_ms) >= PAUSE_MS
