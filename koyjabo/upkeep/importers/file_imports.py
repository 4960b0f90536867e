"""Files that admins upload. A file is checked first, then imported once an admin accepts (decision 97).

The worker that receives the file keeps it as an unnamed file and starts the processes that read it. The file's row has
everything that other workers need.
"""

import logging
import os
import tempfile
import time
from functools import partial
from typing import IO, Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import FileImportUnderWay, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.jobs import job_queries
from koyjabo.base.jobs.child_process import ChildProcess, Report
from koyjabo.base.jobs.claims import is_stored
from koyjabo.base.jobs.job_queries import is_dead
from koyjabo.base.models import FileImport
from koyjabo.people.audit import log as audit
from koyjabo.upkeep.backups.backup import temporary_folder
from koyjabo.upkeep.row_jobs import RowJobs
from . import queries, run
from .importing import ImportSource
from .queries import (
    CANCEL,
    CANCELLED,
    CHECKED,
    DONE,
    FAILED,
    IMPORT,
    IMPORTING,
    SILENT_MS,
)
from .run import CHECK

log = logging.getLogger(__name__)

POLL_S = 0.5
"""Seconds between polls for an admin's decision."""

DECISION_S = 3600.0
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


class FileImports(RowJobs):
    """File imports, for site admins. Methods raise Forbidden for other accounts, or LedgerUnavailable."""

    def __init__(self, base: Base) -> None:
        super().__init__(base)
        self._settings = base.settings

    def state(self, account: Account) -> FileImport | None:
        """The latest file on any worker; None if there has been none. Its state is UNKNOWN while nothing can be
        stored.
        """
        account.require_site_admin()
        row = self._database.read(queries.newest)
        if row is not None and is_dead(row, self._clock.now_ms(), SILENT_MS):
            try:  # if the database accepts no writes, the import's worker cannot renew its row either
                self._database.write(queries.touch, row.id)
            except LedgerUnavailable:
                row.state, row.error = UNKNOWN, UNSTORED
            else:
                row.state, row.ended_ms, row.error = FAILED, row.seen_ms, GONE
        return row

    def begin(self, account: Account, file: IO[bytes], source: ImportSource) -> None:
        """Check a file in the background. Raises FileImportUnderWay while another file is being checked or imported."""
        account.require_site_admin()
        by = audit.actor(account, self._clock)
        new = FileImport(begun_by=by.name, worker=self._worker, file=source)
        row = self._database.write(queries.begin, new, by.at_ms)
        if row is None:
            raise FileImportUnderWay
        own = {"database_url": self._settings.database_url, "timezone": self._settings.timezone}
        plan = {**own, "file": source, "by": (account.id, by.name, by.place)}
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

    # The methods below run in the task that has the file.

    def _follow(self, row: FileImport, file: int, plan: dict[str, Any]) -> None:
        try:
            checked = self._read(row, file, plan, CHECK)
            if "result" not in checked:
                self._end(row, checked)
            elif self._is_accepted(row, checked["result"]):
                self._renew(row, state=IMPORTING, asked=queries.UNLESS_CANCELLED, done=0, goal=0)
                self._end(row, self._read(row, file, plan, run.IMPORT))
        except Exception:
            log.exception("import_not_followed")
            self._end(row, {"error": GONE})
        finally:
            os.close(file)

    def _read(self, row: FileImport, file: int, plan: dict[str, Any], step: str) -> Report:
        """Run a step until it ends, and store its progress."""
        is_urgent = step == run.IMPORT  # visits have to wait while it commits
        process = ChildProcess(self._runtime, [run.__name__, step], plan, file, is_urgent)

        def may_continue(report: Report) -> bool:
            now = self._renew(row, done=report.get("done", 0), goal=report.get("goal", 0))
            return now is not None and now.asked != CANCEL

        report = self._run(process, may_continue, process.ask_to_end, lambda: KILLED.format(status=process.status))
        self._process = None
        return report

    def _is_accepted(self, row: FileImport, preview: dict[str, Any]) -> bool:
        """Wait for the admin's decision on whether to import the checked file."""
        until = time.monotonic() + DECISION_S
        now = self._renew(row, state=CHECKED, preview=preview)
        while now is not None and now.asked == "" and time.monotonic() < until and not self._is_closing:
            time.sleep(POLL_S)
            now = self._renew(row)
        asked = now.asked if now is not None else ""
        if asked == CANCEL:
            self._end(row, {"is_cancelled": True})
        elif asked != IMPORT:
            self._end(row, {"error": GONE if self._is_closing else UNANSWERED})
        return asked == IMPORT

    def _end(self, row: FileImport, report: Report) -> None:
        now_ms, error = self._clock.now_ms(), report.get("error") or None
        state = FAILED if error else DONE
        if "is_cancelled" in report:
            state = CANCELLED
        result = report.get("result") or {name: report.get(name, 0) for name in ("new", "known")}
        values: dict[str, Any] = {"ended_ms": now_ms, "state": state, "error": error, "result": result}
        store = partial(self._database.write, job_queries.renew, row, now_ms, **values)
        while not is_stored(store, lambda: self._is_closing):
            if self._is_closing:
                return
        log.info("import_ended state=%s new=%d", state, result["new"])


def new_file() -> IO[bytes]:
    """Create an unnamed file that disappears when this process ends. Raises OSError, BackupStoreError."""
    return tempfile.TemporaryFile(dir=temporary_folder(0))
