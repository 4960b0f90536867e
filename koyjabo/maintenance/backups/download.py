"""A backup that an admin downloads: sent while it is written, and kept nowhere.

A process of its own writes it (decision 97) into a file without a name, which ends with this worker.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator

from koyjabo.audit import log as audit
from koyjabo.audit.log import Actor
from koyjabo.core.clock import Clock
from koyjabo.core.errors import BackupUnderWay, LedgerUnavailable
from koyjabo.core.identity import Account
from koyjabo.core.runtime import Runtime
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.jobs.child_process import ChildProcess
from koyjabo.maintenance.backups import run
from koyjabo.maintenance.backups.backup import BACKUP
from koyjabo.maintenance.backups.report import BackupReport
from koyjabo.maintenance.backups.transfers import temporary_folder
from koyjabo.maintenance.recount_job import LEDGER
from koyjabo.settings.schema import Settings

log = logging.getLogger(__name__)

PIECE = 256 * 1024
LOOK_S = 0.1

MOST_AT_ONCE = 2
"""Downloads of a worker. Each reads the whole database and has a file as large as the backup in the temporary folder.
"""


class BackupDownload:
    """Methods raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, runtime: Runtime, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._runtime = runtime
        self._plan = run.plan_of(settings)
        self._processes: set[ChildProcess] = set()

    def begin(self, account: Account) -> Iterator[bytes]:
        """The backup, in pieces; an empty one while the next is awaited. It ends with an error if it is not whole.

        Raises Forbidden unless the account is an admin of the site, and BackupUnderWay beyond MOST_AT_ONCE.
        """
        account.require_site_admin()
        self._require_room()
        by = audit.actor(account, self._clock)
        self._database.write(by.entry("backup.download", LEDGER).store)
        return self._pieces(by)

    def close(self) -> None:
        for process in list(self._processes):
            process.kill()

    def _require_room(self) -> None:
        if len(self._processes) >= MOST_AT_ONCE:
            raise BackupUnderWay

    def _pieces(self, by: Actor) -> Iterator[bytes]:
        self._require_room()
        with tempfile.TemporaryFile(dir=temporary_folder(0)) as file:
            process = ChildProcess(self._runtime, [run.__name__], self._plan, file.fileno())
            self._processes.add(process)
            try:
                yield from _written(process, file.fileno())
            finally:
                process.kill()
                self._processes.discard(process)
        self._record(by, process.report(BackupReport))

    def _record(self, by: Actor, report: BackupReport) -> None:
        """So that Health knows the age of the last backup."""
        if not report.is_done:
            log.error("backup_download_failed error=%r", report.error)
            raise LedgerUnavailable
        entry = by._replace(at_ms=self._clock.now_ms()).entry(BACKUP, LEDGER, rows=report.rows, total=report.total)
        try:
            self._database.write(entry.store)
        except LedgerUnavailable:
            log.warning("backup_not_recorded")


def _written(process: ChildProcess, file: int) -> Iterator[bytes]:
    """What the process writes, until it has ended."""
    sent, is_over = 0, False
    while not is_over:
        is_over = process.status is not None  # before the last look
        while data := os.pread(file, PIECE, sent):
            sent += len(data)
            yield data
        if not is_over:
            yield b""
            time.sleep(LOOK_S)
