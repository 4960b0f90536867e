"""Makes one backup, proves it and removes old ones: `python -m koyjabo.maintenance.backups.run NAME`.
Without a name, it only writes one, for a download.

A server starts it with a BackupPlan in its environment, and reads its reports. It writes to no database but a temporary
one.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from koyjabo.core.child_process import INHERITED, end_with_parent
from koyjabo.core.clock import Clock
from koyjabo.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.database.engine import slow_snapshot, translated_errors
from koyjabo.database.outage_causes import reason_of
from koyjabo.maintenance.backups import backup
from koyjabo.maintenance.backups.backup_file import Head
from koyjabo.maintenance.backups.drill import Inconsistent, NotProven, prove
from koyjabo.maintenance.backups.places import BackupPlace, BackupPlaceError, rotate
from koyjabo.maintenance.backups.report import (
    FETCHING,
    KEEPING,
    RESTORING,
    ROTATING,
    SENDING,
    VERIFYING,
    WRITING,
    Reporter,
)
from koyjabo.maintenance.backups.transfers import place_of, temporary_folder, work_in
from koyjabo.settings.schema import Settings

log = logging.getLogger(__name__)


class BackupPlan(NamedTuple):
    """What to back up and where to, as the settings have it. Others are read neither from `.env` nor at all."""

    database_url: str
    backup_dir: str
    backup_to: str
    backup_keep: int

    @classmethod
    def of(cls, settings: Settings) -> BackupPlan:
        return cls(*(getattr(settings, name) for name in cls._fields))

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> BackupPlan:
        values: dict[str, Any] = {name: environment[name.upper()] for name in cls._fields}
        return cls(**values | {"backup_keep": int(values["backup_keep"])})

    def environment(self) -> dict[str, str]:
        return {name.upper(): str(value) for name, value in self._asdict().items()}


class BackupRun:
    """One backup, under `name`. Raises KoyJaboError for a step that fails; the report has the step."""

    def __init__(self, plan: BackupPlan, name: str, reporter: Reporter) -> None:
        self._plan = plan
        self._name = name
        self._reporter = reporter
        self._places: list[tuple[str, BackupPlace]] = []  # with the step that brings the backup there
        if plan.backup_dir:
            self._places.append((KEEPING, place_of(plan.backup_dir)))
        if plan.backup_to:
            self._places.append((SENDING, place_of(plan.backup_to)))

    def run(self) -> None:
        temporary = temporary_folder(0, on_disk=self._plan.backup_dir)
        with work_in(Path(self._plan.backup_dir or temporary)) as folder:
            file = folder / self._name
            with work_in(temporary) as drill:
                self._make(file, drill)
            self._rotate()
        self._reporter.tell(is_done=True)

    def _make(self, file: Path, drill: Path) -> None:
        """Write the backup, bring it to its places, and prove it."""
        head = self._write(file, drill)
        try:
            self._bring(file)
        except BackupPlaceError:
            step = self._reporter.report.step
            self._rotate_folder(file, head, drill)
            self._reporter.tell(step=step)
            raise
        total = self._restored_total(file, head, drill)
        self._reporter.tell(restored_total=total, is_proven=True)

    def _bring(self, file: Path) -> None:
        for step, place in self._places:
            with self._reporter.step(step, file.stat().st_size) as advance:
                place.put(file, self._name, advance)
        self._fetch(file)

    def _write(self, file: Path, folder: Path) -> Head:
        progress, clock = self._reporter.progress(WRITING), Clock(ZoneInfo("UTC"))  # of which only `now_ms` is asked
        with _room_in(folder), translated_errors(), slow_snapshot(self._plan.database_url, folder) as connection:
            head = backup.write_from(connection, file, clock, progress)
        known = {"made_ms": head.made_ms, "epoch": head.epoch, "total": head.total}
        self._reporter.tell(bytes=file.stat().st_size, rows=sum(head.rows.values()), **known)
        return head

    def _fetch(self, file: Path) -> None:
        """What was sent, in place of the file that was made."""
        for step, place in self._places:
            if step == SENDING:
                file.unlink()
                with self._reporter.step(FETCHING, self._reporter.report.bytes or 0) as advance:
                    place.fetch(self._name, file, advance)

    def _rotate_folder(self, file: Path, head: Head, drill: Path) -> None:
        """Night after night without the bucket would fill the disk. The folder's new backup does not make up for the
        one that the bucket lacks, but old ones may go if it can be restored.
        """
        for step, place in self._places:
            if step == KEEPING and self._name in place.names():
                file.unlink(missing_ok=True)  # it may be a link to what the folder keeps, or a part of what was fetched
                place.fetch(self._name, file, lambda more: None)
                self._restored_total(file, head, drill)
                rotate(place, self._plan.backup_keep, self._name)

    def _restored_total(self, file: Path, head: Head, folder: Path) -> int:
        progress = self._reporter.progress
        with _room_in(folder):
            try:
                return prove(file, head, folder, progress(RESTORING), progress(VERIFYING))
            except Inconsistent as error:
                self._reporter.tell(recount=error.found.details())
                raise

    def _rotate(self) -> None:
        kept: set[str] = set()
        for _, place in self._places:
            with self._reporter.step(ROTATING):
                rotate(place, self._plan.backup_keep, self._name)
                kept.update(place.names())
        self._reporter.tell(kept=sorted(kept))


def hand_over(plan: BackupPlan, reporter: Reporter) -> None:
    """Write a backup into the file that this process has inherited, for a download. Raises KoyJaboError, OSError."""
    clock, temporary = Clock(ZoneInfo("UTC")), temporary_folder(0)
    with (
        work_in(temporary) as folder,
        _room_in(folder),
        translated_errors(),
        slow_snapshot(plan.database_url, folder) as connection,
        open(INHERITED, "wb") as file,
    ):
        head = backup.write_to(file, connection, clock, reporter.progress(WRITING))
    reporter.tell(is_done=True, rows=sum(head.rows.values()), total=head.total)


@contextmanager
def _room_in(folder: Path) -> Iterator[None]:
    """For a copy of the database, and then for the database that is restored."""
    try:
        yield
    except LedgerUnavailable as error:
        reason = reason_of(error)
        if "full" not in reason:  # it is about the database itself
            raise
        raise NotProven(
            f"A copy of the database does not fit into {folder.parent} ({reason}). Free space there, or set TMPDIR to "
            "a folder with more."
        ) from None


def _failure(error: Exception) -> str:
    """What to tell people."""
    if isinstance(error, LedgerUnavailable):
        return f"The database cannot be read: {reason_of(error)}."
    if isinstance(error, KoyJaboError):
        return str(error)
    log.error("backup_failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


def main(name: str = "") -> None:
    end_with_parent()
    reporter = Reporter(1)
    try:
        plan = BackupPlan.read(os.environ)
        if name:
            BackupRun(plan, name, reporter).run()
        else:
            hand_over(plan, reporter)
    except Exception as error:
        reporter.tell(error=_failure(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
