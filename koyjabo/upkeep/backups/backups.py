"""Makes a backup every night, on a single worker across all servers, and whenever an admin asks for one. The work is
done by `koyjabo backup`, because a thread would take the interpreter from visits (decision 97).
"""

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core import installation
from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import BackupsOff, BackupUnderWay, KoyJaboError, LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.core.runtime import Advance, Call, ReportProgress
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.jobs.claims import DailyWork
from koyjabo.base.jobs.job_queries import SILENT_WORKER_MS
from koyjabo.base.settings.backup_folder import problem
from koyjabo.people.accounts.queries import recipients
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.upkeep import backup_record_queries
from koyjabo.upkeep.backup_record_queries import BACKUP_WORK, FAILURE_ACTION
from koyjabo.upkeep.recounts.recounts import LEDGER_SUBJECT, store_recount
from . import verified
from .backup import record
from .backup_file import Head
from .folder import BackupFile, BackupFolder
from .verified import Inconsistent

log = logging.getLogger(__name__)

MAX_BACKUP_TRIES = 3
"""Maximum number of attempts per day."""

FAILURE_PAUSE_MS = 3_600_000
"""Pause after a failure before the next attempt, ms."""

FOLDER_READ_S = 10.0
"""Interval between calls to `refresh`, s."""

PROCESS_POLL_S = 0.1
"""Interval between polls of the process, s."""

MAX_FOLDER_READS = 20
FOLDER_POLL_S = 0.01
"""How often a page looks whether the folder was read, and the pause between, s."""

NICENESS = 10
"""CPU priority of the process. It gives the process a tenth of a busy core; 19 would give it a hundredth, and a backup
might never finish.
"""

KILLED_FIRST = "1000"
"""The highest out-of-memory score on Linux, so that the process is killed first."""

BACKUP_COMMAND = (sys.executable, "-m", "koyjabo", "backup", "--quiet")
PACKAGE_FOLDER = str(Path(installation.__file__).parents[3])
"""The folder that has this package, so that the process finds it from any folder."""

GIVEN_SETTINGS = ("DATABASE_URL", "BACKUP_DIR", "BACKUP_KEEP")
"""Settings of this worker that the process uses, also if others are stored in the meantime."""

FAILURE_MAIL = "backup_failed"
"""Kind of the email about a failure."""

UNREADABLE_WARNING = "The server cannot read some of its backups. The page Server shows what to do."
FAILURE_WARNING = "The last backup failed. The page Server shows why."


class Failure(NamedTuple):
    at_ms: int
    error: str  # a sentence


class FolderState(NamedTuple):
    """What this worker has read in BACKUP_DIR."""

    problem: str | None  # why no file can be written there, as a sentence
    files: list[BackupFile]  # newest first
    is_locked: bool
    remedy: str = ""  # the command that makes unreadable files readable


class BackupState(NamedTuple):
    """The server's backups."""

    is_running: bool
    verified: BackupFile | None  # the latest verified one
    failed: Failure | None  # the latest, if no later backup was verified, or why none can be made now
    files: list[BackupFile]  # newest first
    next_ms: int | None  # when the next backup is due; None if backups are off
    on_since_ms: int | None  # when the server last began a backup, or when they were turned on
    remedy: str = ""  # of `FolderState`


class Backups:
    """Makes and lists backups. Call `tick` every half minute. It does nothing if BACKUP_DIR is not set. Methods raise
    LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._runtime = base.runtime
        self._settings = base.settings
        self._mails = base.services[MailOutbox]
        self._work = DailyWork(base.database, base.clock, base.runtime, BACKUP_WORK, "backup")
        self._folder: FolderState | None = None  # None before it was read
        self._logged_problem: str | None = None
        self._is_reading = False
        self._is_on_stored = False
        self._is_closing = False
        self._pid = 0  # of the process that makes a backup
        self._failed: Failure | None = None
        self.failures: int | None = None
        """How many failures the audit log has; None before the first `refresh`."""

    @property
    def is_on(self) -> bool:
        return bool(self._settings.backup_dir)

    def last(self) -> AuditRecord | None:
        """The record of the latest backup, by this server or `koyjabo backup`."""
        return self._database.read(backup_record_queries.last)

    def manual(self) -> tuple[AuditRecord | None, int | None]:
        """The record of the latest backup, and the time of the oldest visit (ms, UTC); None without visits."""
        return self._database.read(backup_record_queries.last_and_oldest_visit)

    @property
    def newest(self) -> BackupFile | None:
        """The latest verified backup in the folder, as last read. Backups dated in the future are ignored, because a
        clock was wrong.
        """
        files, latest_ms = self._folder.files if self._folder else [], self._clock.now_ms() + SILENT_WORKER_MS
        return next((file for file in files if file.is_verified and file.made_ms <= latest_ms), None)

    @property
    def warning(self) -> str | None:
        """For /readyz, which anyone may read. As of the last `refresh`."""
        if self.is_on and (self._failed or (self._folder and self._folder.problem)):
            return FAILURE_WARNING
        return UNREADABLE_WARNING if self.is_on and self._folder and self._folder.remedy else None

    def refresh(self) -> None:
        """Read the folder, and from the database what all servers share. Call this every FOLDER_READ_S."""
        if self.is_on:
            self._log_problem()
            self._read_folder()
            with suppress(LedgerUnavailable):
                self.failures = self._database.read(backup_record_queries.failure_count)
                self._failed = self._last_failure()

    def tick(self) -> None:
        """Begin a backup in the background if one is due."""
        if not self.is_on or self._pid:
            return
        day = self._day()
        with suppress(LedgerUnavailable):  # the next tick tries again
            if not self._is_on_stored:
                self._database.write(backup_record_queries.turn_on, day, self._clock.now_ms())
                self._is_on_stored = True
            self._work.begin(day, self._make_daily, self._is_possible)

    def begin(self, account: Account) -> None:
        """Begin a backup in the background now. Raises Forbidden unless the account is a site admin, BackupsOff, and
        BackupUnderWay.
        """
        account.require_site_admin()
        if not self.is_on:
            raise BackupsOff
        if self._is_running():
            raise BackupUnderWay
        self._database.write(audit.actor(account, self._clock).entry("backup.begin", LEDGER_SUBJECT).store)
        self._runtime.start_task(self._make_now)

    def make(self, progress: ReportProgress) -> tuple[Path, Head]:
        """Make a backup, verify it, and remove old ones, for the command. Records the result, and emails the first of
        several failures to the admins. Returns the file's path. Raises BackupsOff, BackupUnderWay, and all errors of
        the work.
        """
        if not self.is_on:
            raise BackupsOff
        began_ms = self._clock.elapsed_ms()
        try:
            if why := problem(self._settings.backup_dir):
                raise KoyJaboError(why)
            folder = BackupFolder(Path(self._settings.backup_dir))
            path, head = verified.make(folder, self._settings.backup_keep, self._clock, progress)
        except BackupUnderWay:
            raise
        except Exception as error:
            recounted: dict[str, Any] | None = None
            if isinstance(error, Inconsistent):
                seconds = (self._clock.elapsed_ms() - began_ms) / 1000
                recounted = {**error.result.details(), "seconds": seconds}
            self._fail(_sentence(error), recounted)
            raise
        record(head, self._clock, proven=True)
        return path, head

    def close(self) -> None:
        """Stop a running backup."""
        self._is_closing = True
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)

    def state(self, account: Account) -> BackupState:
        """The state, for site viewers and admins. Raises Forbidden for others."""
        account.require_site_viewer()
        self._read_folder()
        for _ in range(MAX_FOLDER_READS):
            if self._is_reading:
                time.sleep(FOLDER_POLL_S)
        failed, folder = self._last_failure(), self._folder or FolderState(None, [], is_locked=False)
        if folder.problem:
            failed = Failure(self._clock.now_ms(), folder.problem)
        next_day = shifted(self._day(), 1)
        return BackupState(
            is_running=self._is_running(),
            verified=self.newest,
            failed=failed,
            files=folder.files,
            next_ms=self._clock.at_ms(next_day, self._settings.backup_at) if self.is_on else None,
            on_since_ms=self._database.read(backup_record_queries.on_since_ms),
            remedy=folder.remedy,
        )

    def _day(self) -> str:
        """The day of the latest BACKUP_AT."""
        return self._clock.bucket(self._clock.newest_ms(self._settings.backup_at)).day

    def _is_running(self) -> bool:
        return bool(self._pid) or (self._folder is not None and self._folder.is_locked)

    def _is_possible(self, day: str) -> bool:
        """Whether to make the backup of this day now: there is none yet, and the last attempt did not just fail."""
        due_ms = self._clock.at_ms(day, self._settings.backup_at)
        if self._folder is None or self._is_running() or (self.newest and self.newest.made_ms >= due_ms):
            return False
        failures = [failure.at_ms for failure in self._database.read(backup_record_queries.failures)]
        tries = sum(at_ms >= due_ms for at_ms in failures)
        return tries == 0 or (tries < MAX_BACKUP_TRIES and self._clock.now_ms() - failures[0] >= FAILURE_PAUSE_MS)

    def _make_daily(self, day: str, renew: Advance) -> Call | None:
        return (lambda: None) if self._run(partial(renew, 0)) else None

    def _make_now(self) -> None:
        with suppress(LedgerUnavailable):  # the failure is logged
            self._run()

    def _run(self, renew: Call = lambda: None) -> bool:
        """Run the process, and return whether it has made a backup. `renew` is called all the time. If it raises an
        error, the process is ended.
        """
        pid = self._pid = _start({name: getattr(self._settings, name.lower()) for name in GIVEN_SETTINGS})
        try:
            while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
                time.sleep(PROCESS_POLL_S)
                renew()
        except BaseException:
            os.kill(pid, signal.SIGTERM)
            self._runtime.start_thread(partial(_bury, pid))
            raise
        finally:
            self._pid = 0
        status = os.waitstatus_to_exitcode(ended[1])
        self._read_folder()
        if status == 0:
            log.info("backup_proven")
        elif status != 1 and not self._is_closing:  # with 1, it has recorded why
            self._fail(
                f"The backup process ended with status {status}. A negative status is a signal, such as -9 if "
                "memory ran out."
            )
        return status == 0

    def _read_folder(self) -> None:
        """Read the folder in a thread, because it may be on another machine that does not respond."""
        if self.is_on and not self._is_reading:
            self._is_reading = True
            self._runtime.start_thread(self._read)

    def _log_problem(self) -> None:
        """Log once why no file can be written. The thread that reads the folder must not log."""
        problem = self._folder.problem if self._folder else None
        if problem and problem != self._logged_problem:
            log.error("backup_impossible error=%r", problem)
        self._logged_problem = problem

    def _read(self) -> None:
        try:
            folder = BackupFolder(Path(self._settings.backup_dir))
            why, files, remedy = problem(self._settings.backup_dir), list[BackupFile](), ""
            with suppress(OSError):
                files, remedy = folder.files(), folder.remedy()
            self._folder = FolderState(why, files, folder.is_locked(), remedy)
        finally:
            self._is_reading = False

    def _last_failure(self) -> Failure | None:
        """The latest failure, if no backup was verified after it."""
        verified = self._database.read(backup_record_queries.verified)
        failures = self._database.read(backup_record_queries.failures, verified.id if verified else 0)
        return Failure(failures[0].at_ms, failures[0].details["error"]) if failures else None

    def _fail(self, error: str, recounted: dict[str, Any] | None = None) -> None:
        """Record and log a failure. `recounted` is the result of its recount, if that found problems."""
        log.error("backup_failed error=%r", error)
        by = audit.actor(OPERATOR, self._clock)
        is_first = self._last_failure() is None

        def operation(session: Any) -> None:
            by.entry(FAILURE_ACTION, LEDGER_SUBJECT, error=error).store(session)
            if recounted is not None:
                store_recount(session, by, recounted)
            for to in recipients(session) if is_first else ():
                email = self._mails.email(FAILURE_MAIL, to.email, to.language, error=error, at_ms=by.at_ms)
                if email is not None:
                    email.store(session)

        self._database.write(operation)


def _start(given: dict[str, object]) -> int:
    """Start the process with these settings, and return its id. It has a lower priority than visits."""
    path = os.pathsep.join(filter(None, (PACKAGE_FOLDER, os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, **{name: str(value) for name, value in given.items()}, "PYTHONPATH": path}
    pid = os.posix_spawn(sys.executable, BACKUP_COMMAND, environment, setsigdef=(signal.SIGINT, signal.SIGTERM))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(KILLED_FIRST, encoding="utf-8")
    return pid


def _bury(pid: int) -> None:
    """Wait for the end of a process that got SIGTERM, so that it does not stay as a zombie."""
    os.waitpid(pid, 0)


def _sentence(error: Exception) -> str:
    """Why a backup failed."""
    if isinstance(error, LedgerUnavailable):
        return f"The database cannot be read: {reason_of(error)}."
    if isinstance(error, OSError):
        return f"BACKUP_DIR cannot be used: {error.strerror}."
    return str(error) if isinstance(error, KoyJaboError) else f"{type(error).__name__}: {error}"
