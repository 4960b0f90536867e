"""Makes one backup, verifies it and removes old ones:

`python -m koyjabo.upkeep.backups.run NAME`. Without a name, it only writes a backup, for a download. A server starts
this process with the settings named in PLAN, and reads its reports. The process writes only to a temporary database.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable, Unusable
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database.engine import disposable, migrate, slow_snapshot, translated_errors
from koyjabo.base.database.outage_causes import reason_of
from koyjabo.base.jobs.child_process import INHERITED, Reporter, read_plan
from koyjabo.base.settings.schema import Settings
from koyjabo.upkeep.recounts.recount_queries import RecountResult, newest_id, recount
from . import backup, backup_file, backup_queries
from .backup import store_of, temporary_folder, work_in
from .backup_file import Head
from .backup_queries import (
    FETCHING,
    KEEPING,
    RESTORING,
    ROTATING,
    SENDING,
    VERIFYING,
    WRITING,
)
from .stores import BackupStoreError, rotate

PLAN = ("database_url", "backup_dir", "backup_to", "backup_keep")
"""Settings that the server passes to the process. It reads no others from the environment or `.env`."""

MAX_PROBLEMS = 5


class Inconsistent(Unusable):
    """The restored database is inconsistent. `result` comes from its recount."""

    def __init__(self, result: RecountResult) -> None:
        super().__init__(f"The ledger in the backup is inconsistent: {'; '.join(result.problems[:MAX_PROBLEMS])}.")
        self.result = result


class BackupRun:
    """Makes the backup `name` with the settings of PLAN. Raises KoyJaboError if a step fails; the report names the
    step.
    """

    def __init__(self, name: str, reporter: Reporter, settings: dict[str, Any]) -> None:
        self._name = name
        self._reporter = reporter
        self._database_url = settings["database_url"]
        self._keep = settings["backup_keep"]
        self._path = settings["backup_dir"]
        self._folder = store_of(self._path) if self._path else None
        self._bucket = store_of(settings["backup_to"]) if settings["backup_to"] else None

    def run(self) -> None:
        temporary = temporary_folder(0, on_disk=self._path)
        with work_in(Path(self._path or temporary)) as folder:
            with work_in(temporary) as drill:
                self._make(folder / self._name, drill)
            kept: set[str] = set()
            for store in filter(None, (self._folder, self._bucket)):
                with self._reporter.step(step=ROTATING):
                    rotate(store, self._keep, self._name)
                    kept.update(store.names())
        self._reporter.send(is_done=True, kept=sorted(kept))

    def _make(self, file: Path, drill: Path) -> None:
        """Write the backup, copy it to its stores, and verify it."""
        head = self._write(file, drill)
        try:
            self._store(file)
        except BackupStoreError:
            step = self._reporter.report["step"]
            self._rotate_folder(file, head, drill)
            self._reporter.send(step=step)
            raise
        total = self._restored_total(file, head, drill)
        self._reporter.send(restored_total=total, is_proven=True)

    def _store(self, file: Path) -> None:
        """Copy the file to its stores. Then replace it with the copy that the bucket returns, so that the copy is
        verified.
        """
        for step, store in ((KEEPING, self._folder), (SENDING, self._bucket)):
            if store is not None:
                with self._reporter.step(file.stat().st_size, step=step) as advance:
                    store.put(file, self._name, advance)
        if self._bucket is not None:
            size = file.stat().st_size
            file.unlink()
            with self._reporter.step(size, step=FETCHING) as advance:
                self._bucket.fetch(self._name, file, advance)

    def _write(self, file: Path, folder: Path) -> Head:
        progress, snapshot = self._reporter.progress(step=WRITING), partial(slow_snapshot, self._database_url, folder)
        with _room_in(folder):
            head = backup.write(file, _clock(), progress, snapshot)
        figures = {"made_ms": head.made_ms, "epoch": head.epoch, "total": head.total}
        self._reporter.send(bytes=file.stat().st_size, rows=sum(head.rows.values()), **figures)
        return head

    def _rotate_folder(self, file: Path, head: Head, drill: Path) -> None:
        """If the bucket failed, still remove old backups from the folder, provided that the new one can be restored.
        Otherwise old backups would fill the disk.
        """
        if self._folder is not None and self._name in self._folder.names():
            file.unlink(missing_ok=True)  # it may be a link to the folder's file, or incomplete
            self._folder.fetch(self._name, file, lambda more: None)
            self._restored_total(file, head, drill)
            rotate(self._folder, self._keep, self._name)

    def _restored_total(self, file: Path, head: Head, folder: Path) -> int:
        progress = self._reporter.progress
        with _room_in(folder):
            try:
                return prove(file, head, folder, progress(step=RESTORING), progress(step=VERIFYING))
            except Inconsistent as error:
                self._reporter.send(recount=error.result.details())
                raise


def prove(path: Path, head: Head, folder: Path, restoring: ReportProgress, verifying: ReportProgress) -> int:
    """Restore `path` into a database in the empty `folder`, and recount it. Returns the restored total. Touches no
    other database. `head` is as it was written.

    Raises Unusable, and LedgerUnavailable if the folder has no room.
    """
    if backup_file.head(path) != head:
        raise Unusable("The file is not the backup that was made.")
    with translated_errors(), disposable(folder / "drill.db") as connection:
        migrate(connection)
        backup_queries.clear(connection)
        backup.insert(connection, path, head, restoring)
        epoch, total = backup_queries.counter_state(connection).epoch, backup_queries.total(connection)
        with verifying(newest_id(connection, "visits"), "Recounting") as advance:
            result = recount(connection, advance)
    if result.problems:
        raise Inconsistent(result)
    if (total, epoch) != (head.total, head.epoch):
        raise Unusable(
            f"The restored backup has the total {total:,} of epoch {epoch}, but the database had {head.total:,} of "
            f"epoch {head.epoch}."
        )
    return total


def hand_over(database_url: str, reporter: Reporter) -> None:
    """Write a backup to the file descriptor inherited from the server, for a download. Raises KoyJaboError, OSError."""
    with (
        work_in(temporary_folder(0)) as folder,
        _room_in(folder),
        translated_errors(),
        slow_snapshot(database_url, folder) as connection,
        open(INHERITED, "wb") as file,
    ):
        head = backup.write_to(file, connection, _clock(), reporter.progress(step=WRITING))
    reporter.send(is_done=True, rows=sum(head.rows.values()), total=head.total)


def _clock() -> Clock:
    """A clock. Only its `now_ms` is used."""
    return Clock(ZoneInfo("UTC"))


@contextmanager
def _room_in(folder: Path) -> Iterator[None]:
    """Turn a full disk into an error that says how much room the copy or the restored database needs."""
    try:
        yield
    except LedgerUnavailable as error:
        reason = reason_of(error)
        if "full" not in reason:  # the error is about the database itself
            raise
        raise Unusable(
            f"A copy of the database does not fit in {folder.parent} ({reason}). Free up space there, or set TMPDIR "
            "to a folder with more."
        ) from None


def plan_of(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in PLAN}


def main(name: str = "") -> None:
    reporter = Reporter(step=WRITING)

    def work() -> None:
        plan = read_plan()
        if name:
            BackupRun(name, reporter, plan).run()
        else:
            hand_over(plan["database_url"], reporter)

    reporter.run("backup", "read", work)


if __name__ == "__main__":
    main(*sys.argv[1:])
