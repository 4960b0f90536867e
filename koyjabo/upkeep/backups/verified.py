"""Makes one verified backup in a folder: writes it, restores it into a temporary database there, and recounts that."""

from contextlib import suppress
from pathlib import Path

from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.errors import LedgerUnavailable, Unusable
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database.engine import disposable, migrate, snapshot, translated_errors
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.upkeep.recounts.recount_queries import RecountResult, newest_id, recount
from . import backup, backup_file, backup_queries, restore, restore_queries
from .backup_file import Head
from .folder import UNVERIFIED_ENDING, VERIFIED_ENDING, BackupFolder, new_name, sync_folder


class Inconsistent(Unusable):
    """The restored database is inconsistent. `result` comes from its recount."""

    def __init__(self, result: RecountResult) -> None:
        problems = "; ".join(result.problems[: restore.MAX_NAMED_PROBLEMS])
        super().__init__(f"The ledger in the backup is inconsistent: {problems}.")
        self.result = result


def make(folder: BackupFolder, keep: int, clock: Clock, progress: ReportProgress) -> tuple[Path, Head]:
    """Make a backup, verify it, and then remove older ones, unless the clock is in doubt. Returns its path. Needs an
    application context.

    A backup that could not be verified stays, with the ending UNVERIFIED_ENDING, until the next one is written. Raises
    OSError, BackupUnderWay, LedgerUnavailable, and Unusable.
    """
    with folder.locked() as work:
        _require_own(folder)
        name = new_name(clock.now_ms())
        written, path = folder.path / f"{name}{UNVERIFIED_ENDING}", folder.path / f"{name}{VERIFIED_ENDING}"
        head = backup.write(written, clock, progress, work)
        for other in folder.names(UNVERIFIED_ENDING):
            if other != written.name:
                (folder.path / other).unlink(missing_ok=True)
        prove(written, head, work, progress)
        written.rename(path)
        sync_folder(folder.path)
        if clock.allows_removal:
            folder.rotate(keep, path.name)
    return path, head


def _require_own(folder: BackupFolder) -> None:
    """Raises Unusable if none of the folder's verified backups was made of this database, or restored into it: they
    would be removed one after the other.
    """
    newest: Head | None = None
    with translated_errors(), snapshot() as connection:
        epoch, known = backup_queries.counter_state(connection).epoch, backup_queries.known_backups(connection)
    for name in reversed(folder.names()):
        with suppress(Unusable):
            head = backup_file.head(folder.path / name)
            newest = newest or head
            if head.epoch == epoch or {(head.total, sum(head.rows.values())), iso(head.made_ms)} & known:
                return
    if newest:
        raise Unusable(
            f"BACKUP_DIR is {str(folder.path)!r}, which has backups of another site: the total of the newest is "
            f"{newest.total:,}. Choose another folder."
        )


def prove(path: Path, head: Head, folder: Path, progress: ReportProgress) -> None:
    """Restore `path` into a database in the empty `folder`, and recount it. Touches no other database. Raises Unusable,
    also if the file does not begin with `head`.
    """
    if backup_file.head(path) != head:
        raise Unusable("The file is not the backup that was made.")
    try:
        _restore(path, head, folder, progress)
    except LedgerUnavailable as error:
        raise Unusable(
            f"A copy of the database cannot be written to {folder.parent}: {reason_of(error)}. It needs as much free "
            "space there as the database has."
        ) from None


def _restore(path: Path, head: Head, folder: Path, progress: ReportProgress) -> None:
    with translated_errors(), disposable(folder / f"{path.stem}.db") as connection:
        migrate(connection)
        restore_queries.clear(connection)
        restore.insert(connection, path, head, progress)
        epoch, total = backup_queries.counter_state(connection).epoch, backup_queries.total(connection)
        with progress(newest_id(connection, "visits"), "Recounting") as advance:
            result = recount(connection, advance)
    if result.problems:
        raise Inconsistent(result)
    if (total, epoch) != (head.total, head.epoch):
        raise Unusable(
            f"The restored backup has the total {total:,} of epoch {epoch}, but the database had {head.total:,} of "
            f"epoch {head.epoch}."
        )
