"""Restores a backup into a temporary database and counts it again, which proves it. Touches no other database."""

from __future__ import annotations

from pathlib import Path

from koyjabo.core.errors import KoyJaboError
from koyjabo.core.runtime import ReportProgress
from koyjabo.database.engine import disposable, migrate, translated_errors
from koyjabo.maintenance.backups import backup, backup_file, backup_queries
from koyjabo.maintenance.backups.backup_file import Head
from koyjabo.maintenance.recount_queries import RecountResult, newest_id, recount

MOST_PROBLEMS = 5


class NotProven(KoyJaboError):
    """A backup cannot be restored, or has other numbers then; the message says why."""


class Inconsistent(NotProven):
    """`found` is what the recount of the restored copy has found."""

    def __init__(self, found: RecountResult) -> None:
        super().__init__(f"The ledger in the backup is inconsistent: {'; '.join(found.problems[:MOST_PROBLEMS])}.")
        self.found = found


def prove(path: Path, made: Head, folder: Path, restoring: ReportProgress, verifying: ReportProgress) -> int:
    """Restore `path` into a database in `folder`, which has to be empty. Returns the total that it has then.

    `made` is the head as it was written. Raises NotProven, UnusableBackup for a damaged file, and LedgerUnavailable
    where the folder has no room.
    """
    if backup_file.head(path) != made:
        raise NotProven("The file is another one than the backup that was made.")
    with translated_errors(), disposable(folder / "drill.db") as connection:
        migrate(connection)
        backup_queries.clear(connection)
        backup.insert(connection, path, made, restoring)
        epoch, total = backup_queries.counter_state(connection).epoch, backup_queries.total(connection)
        with verifying(newest_id(connection, "visits"), "Recounting") as advance:
            found = recount(connection, advance)
    if found.problems:
        raise Inconsistent(found)
    if (total, epoch) != (made.total, made.epoch):
        raise NotProven(
            f"Restored, the backup has the total {total:,} of epoch {epoch}, and the database had {made.total:,} of "
            f"epoch {made.epoch}."
        )
    return total
