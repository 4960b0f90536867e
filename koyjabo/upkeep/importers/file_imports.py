"""Files that admins upload. A file is checked first, then imported once an admin accepts (decision 97).

The worker that receives the file keeps it as an unnamed file and starts the processes that read it. The file's row has
everything that other workers need.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
import time
from functools import partial
from typing import IO, Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import FileImportUnderWay, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.jobs.child_process import ChildProcess
from koyjabo.base.jobs.claims import is_stored
from koyjabo.base.jobs.job_queries import is_dead
from koyjabo.base.models import FileImport
from koyjabo.base.settings.schema import Settings
from koyjabo.people.audit import log as audit
from koyjabo.upkeep.backups.transfers import temporary_folder
from koyjabo.upkeep.importers import file_import_queries as queries
from koyjabo.upkeep.importers import run
from koyjabo.upkeep.importers.file_import_queries import (
    CANCEL,
    CANCELLED,
    CHECKED,
    DONE,
    FAILED,
    IMPORT,
    IMPORTING,
    SILENT_MS,
)
from koyjabo.upkeep.importers.run import CHECK, ImportPlan, ImportProgress

log = logging.getLogger(__name__)

ANSWER_S = 0.5
"""Seconds between polls for an admin's decision."""

QUESTION_S = 3600.0
"""How long a checked file waits for a decision, s."""

KILLED = "Its process ended with status {status}; a negative status is a signal, such as -9 if memory ran out."
GONE = N_("The server was restarted. Choose the file again: no visit is counted twice.")
UNSTORED = N_(
    "The database cannot store anything at the moment; its disk may be full. The state of the import is shown here "
    "again when it can. Health has the cause."
)
UNANSWERED = N_("Nothing was imported, because no one confirmed it within an hour.")


UNKNOWN = "unknown"
"""The state of a file whose worker cannot store its state."""


class Upload(NamedTuple):
    """How to read a file (see ImportPlan). Stored in `FileImport.file`."""

    name: str
    size: int
    program: str
    site: str
    even_folded: bool


class FileImports:
    """File imports, for site admins. Methods raise Forbidden for other accounts, or LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._url, self._timezone = settings.database_url, settings.timezone
        self._worker = secrets.token_hex(16)
        self._process: ChildProcess | None = None
        self._is_closing = False

    def state(self, account: Account) -> FileImport | None:
        """The latest file on any worker; None if there has been none. Its state is UNKNOWN while nothing can be
        stored.
        """
        account.require_site_admin()
        row = self._database.read(queries.newest)
        return None if row is None else self._shown(row)

    def begin(self, account: Account, file: IO[bytes], upload: Upload) -> None:
        """Check a file in the background. Raises FileImportUnderWay while another file is being checked or imported."""
        account.require_site_admin()
        by = audit.actor(account, self._clock)
        new = FileImport(begun_by=by.name, worker=self._worker, file=upload)
        row = self._database.write(queries.begin, new, by.at_ms)
        if row is None:
            raise FileImportUnderWay
        who = (account.id, by.name, by.place)
        how = upload.program, upload.site, upload.even_folded
        plan = ImportPlan(self._url, self._timezone, upload.name, *how, who)
        self._runtime.start_task(partial(self._follow, row, os.dup(file.fileno()), plan))

    def ask(self, account: Account, number: int, what: str) -> bool:
        """Import (IMPORT) or cancel (CANCEL) a checked file. Returns False if it is too late."""
        account.require_site_admin()
        states = (CHECKED,) if what == IMPORT else (queries.CHECKING, CHECKED, IMPORTING)
        return bool(self._database.write(queries.ask, number, what, states))

    def close(self) -> None:
        self._is_closing = True
        if self._process is not None:
            self._process.ask_to_end()

    def _shown(self, row: FileImport) -> FileImport:
        """An import with its current state, even if its worker is gone or cannot store the state."""
        if is_dead(row, self._clock.now_ms(), SILENT_MS):
            if self._stores(row.id):
                row.state, row.ended_ms, row.error = FAILED, row.seen_ms, GONE
            else:
                row.state, row.error = UNKNOWN, UNSTORED
        return row

    def _stores(self, number: int) -> bool:
        """Whether the database accepts writes. If not, the import's worker cannot renew its row either."""
        try:
            self._database.write(queries.touch, number)
        except LedgerUnavailable:
            return False
        return True

    # The methods below run in the task that has the file.

    def _follow(self, row: FileImport, file: int, plan: ImportPlan) -> None:
        try:
            checked = self._run(row, file, plan, CHECK)
            if checked.result is not None and self._is_accepted(row, checked.result):
                self._renew(row, state=IMPORTING, asked=queries.UNLESS_CANCELLED, done=0, goal=0)
                self._end(row, self._run(row, file, plan, run.IMPORT))
            elif checked.result is None:
                self._end(row, checked)
        except Exception:
            log.exception("import_not_followed")
            self._end(row, ImportProgress(error=GONE))
        finally:
            os.close(file)

    def _run(self, row: FileImport, file: int, plan: ImportPlan, step: str) -> ImportProgress:
        """Run a step until it ends, and store its progress."""
        is_urgent = step == run.IMPORT  # visits have to wait while it commits
        process = ChildProcess(self._runtime, [run.__name__, step], plan._asdict(), file, is_urgent)
        self._process = process

        def may_continue(now: ImportProgress) -> bool:
            return self._renew(row, done=now.done, goal=now.goal) not in (None, CANCEL)

        ended = process.follow(ImportProgress, may_continue, process.ask_to_end)
        self._process = None
        if ended.result is None and not ended.is_cancelled and not ended.error:
            return ended._replace(error=KILLED.format(status=process.status))
        return ended

    def _is_accepted(self, row: FileImport, preview: dict[str, Any]) -> bool:
        """Wait for the admin's decision on whether to import the checked file."""
        until = time.monotonic() + QUESTION_S
        asked = self._renew(row, state=CHECKED, preview=preview)
        while asked == "" and time.monotonic() < until and not self._is_closing:
            time.sleep(ANSWER_S)
            asked = self._renew(row)
        if asked != IMPORT:
            why = "" if asked == CANCEL else GONE if self._is_closing else UNANSWERED
            self._end(row, ImportProgress(is_cancelled=asked == CANCEL, error=why))
        return asked == IMPORT

    def _renew(self, row: FileImport, **values: Any) -> str | None:
        try:
            asked: str | None = self._database.write(queries.renew, row, self._clock.now_ms(), **values)
            return asked
        except LedgerUnavailable:
            return ""

    def _end(self, row: FileImport, ended: ImportProgress) -> None:
        now_ms = self._clock.now_ms()
        state = CANCELLED if ended.is_cancelled else FAILED if ended.error else DONE
        result = ended.result or {"new": ended.new, "known": ended.known}
        values: dict[str, Any] = {"state": state, "error": ended.error or None, "result": result}
        store = partial(self._database.write, queries.renew, row, now_ms, ended_ms=now_ms, **values)
        while not is_stored(store, lambda: self._is_closing):
            if self._is_closing:
                return
        log.info("import_ended state=%s new=%d", state, result["new"])


def new_file() -> IO[bytes]:
    """Create an unnamed file that disappears when this process ends. Raises OSError, BackupStoreError."""
    return tempfile.TemporaryFile(dir=temporary_folder(0))
