"""Makes a backup every night, on a single worker across all servers, and whenever an admin asks for one. Backups go to
a store or are downloaded (decision 97).
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.errors import BackupsOff, BackupUnderWay, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.jobs.child_process import ChildProcess, Report
from koyjabo.base.jobs.claims import is_stored
from koyjabo.base.jobs.job_queries import SILENT_MS, is_dead
from koyjabo.base.models import Backup
from koyjabo.people.accounts.queries import recipients
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.log import Actor
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep.recounts.recounts import LEDGER, store_recount
from koyjabo.upkeep.row_jobs import RowJobs
from . import backup_queries, run
from .backup import BACKUP, temporary_folder
from .backup_queries import FAILED, PROVEN, RUNNING
from .stores import new_name

log = logging.getLogger(__name__)

TRIES = 3
"""Maximum number of attempts per day."""

PAUSE_MS = 3_600_000
"""Pause after a failure before the next attempt, ms."""

CLOSE_S = 0.4
"""Time limit for recording that the server is stopping, s."""

READ_S = 30.0
"""Interval between calls to `refresh`, s."""

KIND = "backup_failed"
"""Kind of the email about a failure."""

STOPPED = N_("The server stopped while it made this backup.")
"""The error of a backup interrupted by a server stop. The next attempt follows without a pause."""

KILLED = "The backup process exited with status {status}. A negative status is a signal, such as -9 if memory ran out."

PIECE, POLL_S = 256 * 1024, 0.1
"""How much of a download is read at once, bytes, and the time between two polls of its file, s."""

MAX_DOWNLOADS = 2
"""Maximum number of downloads at a time on one worker. Each reads the whole database and needs a file of the backup's
size.
"""


class BackupState(NamedTuple):
    """The server's backups. `proven` is the latest backup that was restored, recounted and kept."""

    running: Backup | None  # on any worker
    proven: Backup | None  # the latest
    failed: Backup | None  # the latest, if no later backup succeeded
    rows: list[Backup]  # newest first, including the running one
    next_ms: int | None  # when the next backup is due; None if backups are off
    on_since_ms: int | None  # when backups were first turned on; None if they never were


class Schedule:
    """When backups are due: every day at `at`, a time of day in TIMEZONE such as 03:30; later if the server was down at
    that time, and again after a failure.
    """

    def __init__(self, clock: Clock, at: str) -> None:
        self._clock = clock
        self._at = at

    def newest_ms(self) -> int:
        """When the latest daily backup was due, ms."""
        return self._clock.newest_ms(self._at)

    def next_ms(self) -> int:
        today = self._clock.today()
        due_ms = self._clock.at_ms(today, self._at)
        return due_ms if due_ms > self._clock.now_ms() else self._clock.at_ms(shifted(today, 1), self._at)

    def is_due(self, on_since_ms: int, begun: Sequence[Backup]) -> bool:
        """Whether to begin a backup now. `begun` contains the finished backups since `newest_ms`, oldest first. A
        verified backup requested by an admin counts as well. Backups dated in the future are ignored, because a
        clock was wrong.
        """
        now_ms = self._clock.now_ms()
        possible = [row for row in begun if row.begun_ms <= now_ms + SILENT_MS]
        tried = [row for row in possible if not row.begun_by]
        if on_since_ms >= self.newest_ms() or any(row.proven_ms is not None for row in possible) or len(tried) >= TRIES:
            return False
        return not tried or tried[-1].error == STOPPED or now_ms - (tried[-1].ended_ms or now_ms) >= PAUSE_MS


class Backups(RowJobs):
    """Makes, lists and sends backups. Call `tick` every half minute. It does nothing if no backup store is set. Methods
    raise LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        super().__init__(base)
        self._settings = base.settings
        self._mails = base.services[MailOutbox]
        self.figures: tuple[Backup | None, int] | None = None
        """The latest verified backup and the number of failures; None before the first `refresh`."""
        self._is_on_stored = False
        self._downloads: set[ChildProcess] = set()

    @property
    def is_on(self) -> bool:
        return bool(self._settings.backup_dir or self._settings.backup_to)

    @property
    def _plan(self) -> dict[str, Any]:
        return run.plan_of(self._settings)

    @property
    def _schedule(self) -> Schedule:
        return Schedule(self._clock, self._settings.backup_at)

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

    def refresh(self) -> None:
        """Read `figures` from the database, which all servers share. Call this every READ_S."""
        if self.is_on:
            with suppress(LedgerUnavailable):
                self.figures = self._database.read(backup_queries.figures)

    def begin(self, account: Account) -> None:
        """Begin a backup in the background now. Raises Forbidden unless the account is a site admin, BackupsOff, and
        BackupUnderWay while any server is making one.
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
        """Stop downloads, and a running backup, which then counts as failed."""
        self._is_closing = True
        for process in (self._process, *self._downloads):
            if process is not None:
                process.kill()
        waits_until = time.monotonic() + CLOSE_S
        while self._process is not None and time.monotonic() < waits_until:
            time.sleep(0.01)

    def state(self, account: Account) -> BackupState:
        """The state, for site viewers and admins. Raises Forbidden for others."""
        account.require_site_viewer()
        rows, on_since_ms = self._database.read(backup_queries.newest), self._database.read(backup_queries.on_since_ms)
        for row in rows:
            if self._is_dead(row):  # no worker has recorded its end yet
                row.state, row.ended_ms, row.error = FAILED, row.seen_ms, STOPPED
        ended = next((row for row in rows if row.state != RUNNING), None)
        return BackupState(
            running=next((row for row in rows if row.state == RUNNING), None),
            proven=next((row for row in rows if row.proven_ms is not None), None),
            failed=ended if ended is not None and ended.state == FAILED else None,
            rows=rows,
            next_ms=self._schedule.next_ms() if self.is_on else None,
            on_since_ms=on_since_ms,
        )

    def _is_dead(self, row: Backup) -> bool:
        return is_dead(row, self._clock.now_ms(), SILENT_MS)

    def _end_dead(self) -> None:
        """Mark the backups of dead workers as failed."""
        for row in self._database.read(backup_queries.running):
            if self._is_dead(row):
                self._store_end(row, {"error": STOPPED}, audit.actor(OPERATOR, self._clock))

    def _begin_due(self) -> Backup | None:
        if not self._is_on_stored:
            self._database.write(backup_queries.turn_on, self._clock.now_ms())
            self._is_on_stored = True
        is_due = partial(backup_queries.is_due, since_ms=self._schedule.newest_ms(), due=self._schedule.is_due)
        return self._begin("", is_due=is_due) if self._database.read(is_due) else None

    def _begin(self, by: str, **conditions: Any) -> Backup | None:
        now_ms = self._clock.now_ms()
        new = Backup(name=new_name(now_ms), begun_by=by, worker=self._worker)
        row: Backup | None = self._database.write(backup_queries.begin, new, now_ms, **conditions)
        return row

    def _start(self, row: Backup, by: Actor) -> None:
        self._process = ChildProcess(self._runtime, [run.__name__, row.name], self._plan)
        self._runtime.start_task(partial(self._follow, self._process, row, by))

    def _follow(self, process: ChildProcess, row: Backup, by: Actor) -> None:
        def error() -> str:
            return STOPPED if self._is_closing else KILLED.format(status=process.status)

        try:
            self._store_end(row, self._run(process, partial(self._renewed, row), process.kill, error), by)
        except Exception:
            log.exception("backup_not_followed name=%s", row.name)
            process.kill()
        finally:
            if self._process is process:  # the next backup may have begun while the end of this one was being stored
                self._process = None

    def _renewed(self, row: Backup, report: Report) -> bool:
        """Store the process's report. Returns False if another worker considers this worker dead."""
        return self._renew(row, **backup_queries.in_report(report, self._clock.now_ms())) is not None

    def _store_end(self, row: Backup, report: Report, by: Actor) -> None:
        """Store and log the end of a backup, unless another worker has already stored it."""
        by = by._replace(at_ms=self._clock.now_ms())
        ended: Backup | None = None

        def store() -> None:
            nonlocal ended
            ended = self._database.write(store_end, row, report, by, self._mails)

        if not is_stored(store, lambda: self._is_closing):
            log.error("backup_end_not_written name=%s error=%r", row.name, report.get("error", ""))
        elif ended is not None and ended.state == PROVEN:
            log.info("backup_proven name=%s bytes=%d seconds=%.1f", row.name, ended.bytes, _seconds(row, by))
        elif ended is not None:
            log.error("backup_failed name=%s step=%r error=%r", row.name, ended.step, ended.error)

    def download(self, account: Account) -> Iterator[bytes]:
        """Yield a backup in pieces, and empty pieces while waiting. It is sent while a process writes it to an unnamed
        file, which disappears with this worker (decision 97). Ends with an error if the backup is incomplete.

        Raises Forbidden unless the account is a site admin, and BackupUnderWay if MAX_DOWNLOADS are already running.
        """
        account.require_site_admin()
        self._require_room()
        by = audit.actor(account, self._clock)
        self._database.write(by.entry("backup.download", LEDGER).store)
        return self._pieces(by)

    def _require_room(self) -> None:
        if len(self._downloads) >= MAX_DOWNLOADS:
            raise BackupUnderWay

    def _pieces(self, by: Actor) -> Iterator[bytes]:
        self._require_room()
        with tempfile.TemporaryFile(dir=temporary_folder(0)) as file:
            process = ChildProcess(self._runtime, [run.__name__], self._plan, file.fileno())
            self._downloads.add(process)
            try:
                yield from _written(process, file.fileno())
            finally:
                process.kill()
                self._downloads.discard(process)
        report = process.report()
        if not report.get("is_done"):
            log.error("backup_download_failed error=%r", report.get("error", ""))
            raise LedgerUnavailable
        by = by._replace(at_ms=self._clock.now_ms())
        entry = by.entry(BACKUP, LEDGER, rows=report["rows"], total=report["total"])
        try:
            self._database.write(entry.store)  # so that warnings know the age of the last backup
        except LedgerUnavailable:
            log.warning("backup_not_recorded")


def store_end(session: Any, row: Backup, report: Report, by: Actor, mails: MailOutbox) -> Backup | None:
    """Store the end of a backup in one transaction: its row, an audit entry and emails.

    `report` is the last report, as of `by.at_ms`. Returns the row, or None if the end was already stored, possibly by
    another worker.
    """

    is_first = not backup_queries.was_failing(session, row)
    ended = backup_queries.end(session, row, report, by.at_ms)
    if ended is None:
        return None
    seconds = _seconds(row, by)
    if ended.proven_ms is not None:
        by.entry(BACKUP, LEDGER, rows=report.get("rows"), total=ended.total, proven=True).store(session)
    if "recount" in report:
        store_recount(session, by, {**report["recount"], "seconds": seconds})
    if ended.state == FAILED:
        failure = {"step": ended.step, "error": ended.error}
        if is_first:  # admins get only one email until a backup succeeds
            for to in recipients(session):
                queued_email = mails.email(KIND, to.email, to.language, **failure, at_ms=by.at_ms)
                if queued_email is not None:
                    queued_email.store(session)
    return ended


def _seconds(row: Backup, by: Actor) -> float:
    return (by.at_ms - row.begun_ms) / 1000


def _written(process: ChildProcess, file: int) -> Iterator[bytes]:
    """Yield what the process writes, until it exits."""
    sent, is_over = 0, False
    while not is_over:
        is_over = process.status is not None  # checked before the last read
        while data := os.pread(file, PIECE, sent):
            sent += len(data)
            yield data
        if not is_over:
            yield b""
            time.sleep(POLL_S)
