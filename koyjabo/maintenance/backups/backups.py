"""Makes a backup every night, on one worker of all servers, and when an admin asks for one (decision 97)."""

from __future__ import annotations

from typing import Any, NamedTuple

from koyjabo.core.clock import Clock, shifted
from koyjabo.core.identity import Account
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.work_claim_queries import SILENT_MS
from koyjabo.maintenance.backups import run_queries
from koyjabo.maintenance.backups.run_queries import FAILED, RUNNING, BackupRow
from koyjabo.settings.schema import Settings

LOOK_S = 30.0
"""Seconds between two calls of `tick`."""

STOPPED = "The server stopped while it made this backup."


class BackupState(NamedTuple):
    """What is known of the backups that the server makes. `proven` was restored and recounted, and is kept."""

    running: BackupRow | None  # of any worker
    proven: BackupRow | None  # the newest
    failed: BackupRow | None  # the newest, if no backup was made since without a failure
    rows: list[BackupRow]  # newest first, with the running one
    next_ms: int | None  # when the next one is due; None where backups are off
    on_since_ms: int | None  # when backups were turned on first; None if that never was


class Backups:
    """Call `tick` every LOOK_S. Off if no place for backups is set. Methods raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._settings = settings

    @property
    def is_on(self) -> bool:
        return bool(self._settings.backup_dir or self._settings.backup_to or self._settings.backup_command)

    def tick(self) -> None:
        """Begin a backup if one is due."""

    def begin(self, account: Account) -> None:
        """Begin a backup now. Raises Forbidden unless the account is an admin of the site."""
        account.require_site_admin()

    def state(self, account: Account) -> BackupState:
        """For viewers of the site; raises Forbidden."""
        account.require_site_viewer()
        rows, on_since_ms = self._database.read(_state)
        rows = [self._shown(row) for row in rows]
        ended = next((row for row in rows if row.state != RUNNING), None)
        return BackupState(
            running=next((row for row in rows if row.state == RUNNING), None),
            proven=next((row for row in rows if row.proven_ms is not None), None),
            failed=ended if ended is not None and ended.state == FAILED else None,
            rows=rows,
            next_ms=self._next_ms() if self.is_on else None,
            on_since_ms=on_since_ms,
        )

    def _shown(self, row: BackupRow) -> BackupRow:
        """A row whose worker is dead is that of a failed backup, before a worker has written that."""
        if row.state != RUNNING or abs(self._clock.now_ms() - row.seen_ms) <= SILENT_MS:
            return row
        return row._replace(state=FAILED, ended_ms=row.seen_ms, error=STOPPED)

    def _next_ms(self) -> int:
        today, at = self._clock.today(), self._settings.backup_at
        due_ms = self._clock.at_ms(today, at)
        return due_ms if due_ms > self._clock.now_ms() else self._clock.at_ms(shifted(today, 1), at)


def _state(session: Any) -> tuple[list[BackupRow], int | None]:
    return run_queries.newest(session), run_queries.on_since_ms(session)
