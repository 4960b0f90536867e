"""Backs up a snapshot of the whole database to a file.

Needs an application context. All functions raise LedgerUnavailable, UnusableDatabase, and Unusable for a problem
with the file.
"""

import errno
import logging
import os
from pathlib import Path
from typing import Any, BinaryIO

from koyjabo.base.core import own_files
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KoyJaboError, Unusable
from koyjabo.base.core.extensions import db
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database import engine
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.people.audit import log
from koyjabo.upkeep.backup_record_queries import BACKUP_ACTION, FAILURE_ACTION, RESTORE_ACTION
from koyjabo.upkeep.recounts.recounts import LEDGER_SUBJECT
from . import backup_queries
from .backup_file import BackupWriter, Head
from .folder import atomic_file

logger = logging.getLogger(__name__)

BACKUP_ACTIONS = {
    "backup.begin": N_("Backup started"),
    BACKUP_ACTION: N_("Backup made"),
    FAILURE_ACTION: N_("Backup failed"),
    RESTORE_ACTION: N_("Backup restored"),
}
ROUTINE_BACKUP_ACTIONS = {BACKUP_ACTION: '"proven": true'}

DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
SYNC_BYTES = 4 << 20
"""How much is written between two syncs, bytes. A single sync at the end would make the server's commits wait for the
whole file.
"""


def back_up(path: Path, overwrite: bool, clock: Clock, progress: ReportProgress) -> Head:
    """Write a snapshot of everything to `path`, and record the backup.

    Raises Unusable if the file exists and `overwrite` is False, or if it cannot be written.
    """
    if path.exists() and not overwrite:
        raise Unusable(f"{path} already exists. Choose another name, or use --force to replace it.")
    head = write(path, clock, progress)
    record(head, clock)
    return head


def write(path: Path, clock: Clock, progress: ReportProgress, temporary: Path | None = None) -> Head:
    """Write a snapshot of everything to `path`.

    Running servers do not wait. The file appears when it is complete, and only its owner may read it (mode 0600).
    Until then it is in the folder `temporary`, or next to `path`. Raises Unusable if it cannot be written.
    """
    with engine.translated_errors(), engine.snapshot() as connection:
        try:
            with atomic_file(path, temporary) as file:
                return _write(file, connection, clock, progress)
        except OSError as error:
            advice = " Free up space there." if error.errno in DISK_FULL_ERRORS else ""
            reason = own_files.reason_of_system(error, path.parent)
            raise Unusable(f"{path} cannot be written: {reason}.{advice}") from None


def _write(file: BinaryIO, connection: Any, clock: Clock, progress: ReportProgress) -> Head:
    head, writer, synced = _head(connection, clock), BackupWriter(file), 0
    with progress(sum(head.rows.values()), "Backing up") as advance:
        writer.head(head)
        for table in backup_queries.tables():
            writer.table(table.name, [column.name for column in table.columns])
            for rows in backup_queries.rows(connection, table):
                writer.rows(rows)
                advance(len(rows))
                if file.tell() - synced >= SYNC_BYTES:
                    file.flush()
                    os.fsync(file.fileno())
                    synced = file.tell()
        writer.end()
    return head


def record(head: Head, clock: Clock, **details: bool) -> None:
    """Store that a backup was made, so that warnings know its age. A failure is only logged, because the file is
    complete.
    """
    by = log.actor(OPERATOR, clock)
    entry = by.entry(BACKUP_ACTION, LEDGER_SUBJECT, rows=sum(head.rows.values()), total=head.total, **details)
    try:
        with engine.translated_errors(), engine.exclusive(db.engine.url) as session:
            entry.store(session)
    except KoyJaboError as error:
        logger.warning("backup_not_recorded cause=%r", reason_of(error))


def _head(connection: Any, clock: Clock) -> Head:
    rows = {table.name: backup_queries.count(connection, table) for table in backup_queries.tables()}
    state = backup_queries.counter_state(connection)
    return Head(NEWEST_REVISION, clock.now_ms(), state.epoch, backup_queries.total(connection), rows)
