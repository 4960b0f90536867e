"""Makes a backup every night, on one worker of all servers, and when an admin asks for one (decision 97)."""

from __future__ import annotations

import logging
import os
import secrets
import time
from functools import partial
from typing import Any, NamedTuple

from koyjabo.audit import log as audit
from koyjabo.audit.log import Actor
from koyjabo.core.child_process import ChildProcess
from koyjabo.core.clock import Clock
from koyjabo.core.errors import BackupsOff, BackupUnderWay, LedgerUnavailable
from koyjabo.core.identity import OPERATOR, Account
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.mail.outbox import MailOutbox
from koyjabo.maintenance.backups import run, run_queries
from koyjabo.maintenance.backups.outcome import BackupOutcome
from koyjabo.maintenance.backups.places import new_name
from koyjabo.maintenance.backups.report import BackupReport, reported
from koyjabo.maintenance.backups.run_queries import FAILED, RUNNING, BackupRow, Beginning
from koyjabo.maintenance.backups.schedule import STOPPED, Schedule
from koyjabo.maintenance.recount_job import LEDGER
from koyjabo.settings.schema import Settings

log = logging.getLogger(__name__)

LOOK_S, RENEW_S = 0.1, 2.0
"""Seconds between two looks at the process, and between two writes of what it reports."""

ATTEMPTS, RETRY_S = 100, 5.0
"""For storing the end while the database is away: 8 minutes, or 25 when every attempt has to wait for its limit."""

CLOSE_S = 0.4
"""For storing that the server stops. Its stop takes no longer."""

ENDED = "The process that made it ended with status {status}; a negative one is a signal, such as -9 for no memory."


class BackupState(NamedTuple):
    """What is known of the backups that the server makes. `proven` was restored and recounted, and is kept."""

    running: BackupRow | None  # of any worker
    proven: BackupRow | None  # the newest
    failed: BackupRow | None  # the newest, if no backup was made since without a failure
    rows: list[BackupRow]  # newest first, with the running one
    next_ms: int | None  # when the next one is due; None where backups are off
    on_since_ms: int | None  # when backups were turned on first; None if that never was


class Backups:
    """Call `tick` every half minute. Off if no place for backups is set. Methods raise LedgerUnavailable."""

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, mails: MailOutbox, settings: Settings
    ) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._mails = mails
        self._plan = run.BackupPlan.of(settings)
        self._schedule = Schedule(clock, settings.backup_at)
        self._worker = secrets.token_hex(16)
        self._process: ChildProcess | None = None
        self._is_on_stored = self._is_closing = False

    @property
    def is_on(self) -> bool:
        return bool(self._plan.backup_dir or self._plan.backup_to)

    def tick(self) -> None:
        """Begin a backup in the background if one is due."""
        if not self.is_on or self._process is not None:
            return
        try:
            self._end_dead()
            row = self._begin_due()
        except LedgerUnavailable:
            return  # the next tick tries again
        if row is not None:
            self._start(row, audit.actor(OPERATOR, self._clock))

    def begin(self, account: Account) -> None:
        """Begin a backup in the background now. Raises Forbidden unless the account is an admin of the site,
        BackupsOff, and BackupUnderWay while one runs on any server.
        """
        account.require_site_admin()
        if not self.is_on:
            raise BackupsOff
        self._end_dead()
        by = audit.actor(account, self._clock)
        row = self._begin(by.name, audit=lambda row: row and by.entry("backup.begin", LEDGER, name=row.name))
        if row is None:
            raise BackupUnderWay
        self._start(row, by)

    def close(self) -> None:
        """End the process of a backup, which then has failed."""
        self._is_closing = True
        if self._process is not None:
            self._process.kill()
        waits_until = time.monotonic() + CLOSE_S
        while self._process is not None and time.monotonic() < waits_until:
            time.sleep(LOOK_S / 10)

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
            next_ms=self._schedule.next_ms() if self.is_on else None,
            on_since_ms=on_since_ms,
        )

    def _shown(self, row: BackupRow) -> BackupRow:
        """A row whose worker is dead is that of a failed backup, before a worker has written that."""
        if not row.is_dead(self._clock.now_ms()):
            return row
        return row._replace(state=FAILED, ended_ms=row.seen_ms, error=STOPPED)

    def _end_dead(self) -> None:
        """Write that the backups of dead workers have failed."""
        for row in self._database.read(run_queries.running):
            if row.is_dead(self._clock.now_ms()):
                self._store_end(row, _as_left(row), audit.actor(OPERATOR, self._clock))

    def _begin_due(self) -> BackupRow | None:
        now_ms, since_ms = self._clock.now_ms(), self._schedule.newest_ms()
        if not self._is_on_stored:
            self._database.write(run_queries.turn_on, now_ms)
            self._is_on_stored = True
        due = self._schedule.is_due
        if not self._database.read(run_queries.is_due, since_ms, due):
            return None
        return self._begin("", since_ms=since_ms, due=due)

    def _begin(self, by: str, **conditions: Any) -> BackupRow | None:
        now_ms = self._clock.now_ms()
        new = Beginning(new_name(now_ms), by, self._worker, now_ms)
        row: BackupRow | None = self._database.write(run_queries.begin, new, **conditions)
        return row

    def _start(self, row: BackupRow, by: Actor) -> None:
        environment = {**os.environ, **self._plan.environment()}
        self._process = ChildProcess(self._runtime, [run.__name__, row.name], environment)
        self._runtime.start_task(partial(self._follow, self._process, row, by))

    def _follow(self, process: ChildProcess, row: BackupRow, by: Actor) -> None:
        try:
            self._watch(process, row)
            self._store_end(row, self._ending(process), by)
        except Exception:
            log.exception("backup_not_followed name=%s", row.name)
            process.kill()
        finally:
            if self._process is process:  # the next one may have begun when the end of this one was stored
                self._process = None

    def _watch(self, process: ChildProcess, row: BackupRow) -> None:
        """Store what the process reports until it ends. Ends it if another worker has taken this one for dead."""
        renew_at = time.monotonic() + RENEW_S
        while process.status is None:
            time.sleep(LOOK_S)
            if time.monotonic() >= renew_at and not self._is_closing:
                renew_at = time.monotonic() + RENEW_S
                if not self._renewed(row, reported(process)):
                    process.kill()

    def _renewed(self, row: BackupRow, report: BackupReport) -> bool:
        try:
            return self._database.write(run_queries.renew, row, report, self._clock.now_ms())
        except LedgerUnavailable:
            return True  # it may yet be

    def _ending(self, process: ChildProcess) -> BackupReport:
        report = reported(process)
        if report.is_done or report.error:
            return report
        if self._is_closing:
            return report._replace(error=STOPPED)
        return report._replace(error=ENDED.format(status=process.status))

    def _store_end(self, row: BackupRow, report: BackupReport, by: Actor) -> None:
        """Store the result of long work, as soon as the database can be reached. An attempt that timed out may have
        succeeded; the next one then changes nothing.
        """
        outcome = BackupOutcome(row, report, by._replace(at_ms=self._clock.now_ms()), self._mails)
        for _ in range(1 if self._is_closing else ATTEMPTS):
            try:
                self._database.write(outcome.store)
            except LedgerUnavailable:
                time.sleep(RETRY_S)
            else:
                outcome.log()
                return
        log.error("backup_end_not_written name=%s error=%r", row.name, report.error)


def _as_left(row: BackupRow) -> BackupReport:
    """What a dead worker has last stored."""
    stored = {name: getattr(row, name) for name in run_queries.IN_REPORTS}
    return BackupReport(**stored | {"error": STOPPED}, is_proven=row.proven_ms is not None)


def _state(session: Any) -> tuple[list[BackupRow], int | None]:
    return run_queries.newest(session), run_queries.on_since_ms(session)
