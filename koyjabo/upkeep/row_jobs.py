"""Jobs that people see: each has a row (`models.JobColumns`), and a process on one worker across all servers."""

import secrets
from collections.abc import Callable
from typing import Any

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.jobs import job_queries
from koyjabo.base.jobs.child_process import ChildProcess, Report
from koyjabo.base.jobs.job_queries import Row


class RowJobs:
    """Runs one job at a time on this worker. Other workers read its row."""

    def __init__(self, base: Base) -> None:
        self._database = base.database
        self._clock = base.clock
        self._runtime = base.runtime
        self._worker = secrets.token_hex(16)
        self._process: ChildProcess | None = None
        self._is_closing = False

    def _renew(self, row: Row, **values: Any) -> Row | None:
        """Store the progress of a job. Returns its row as it is now, or None if another worker has ended it. Returns
        `row` while the database is down, because the job may still belong to this worker.
        """
        if self._is_closing:
            return row
        try:
            now: Row | None = self._database.write(job_queries.renew, row, self._clock.now_ms(), **values)
        except LedgerUnavailable:
            return row
        return now

    def _run(
        self,
        process: ChildProcess,
        on_report: Callable[[Report], bool],
        stop: Callable[[], None],
        error: Callable[[], str],
    ) -> Report:
        """Wait until a process ends (see `ChildProcess.follow`), and return its last report. If it ended before its
        work was done, and without an error, the report gets this error.
        """
        self._process = process
        report = process.follow(on_report, stop)
        if not report.get("is_done") and not report.get("error"):
            report["error"] = error()
        return report
