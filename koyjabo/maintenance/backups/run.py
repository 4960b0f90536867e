"""Makes one backup, proves it, hands it on and removes old ones: `python -m koyjabo.maintenance.backups.run NAME`.

A server starts it with a BackupPlan in its environment, and reads its reports. It writes to no database but a temporary
one.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from koyjabo.core.clock import Clock
from koyjabo.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.database.engine import snapshot_of, translated_errors
from koyjabo.maintenance.backups import backup, process
from koyjabo.maintenance.backups.backup_file import Head
from koyjabo.maintenance.backups.drill import prove
from koyjabo.maintenance.backups.places import BackupPlace, Folder, rotate
from koyjabo.maintenance.backups.report import (
    KEEPING,
    RESTORING,
    ROTATING,
    VERIFYING,
    WRITING,
    Reporter,
)
from koyjabo.maintenance.backups.temporary import working_folder
from koyjabo.settings.schema import Settings

log = logging.getLogger(__name__)


class BackupPlan(NamedTuple):
    """What to back up and where to, as the settings have it. Others are read neither from `.env` nor at all."""

    database_url: str
    backup_dir: str
    backup_to: str
    backup_command: str
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
        self._folder = Folder(Path(plan.backup_dir)) if plan.backup_dir else None

    def run(self) -> None:
        temporary = Path(tempfile.gettempdir())
        with _working_folder(temporary) as drill, _working_folder(self._folder_path or temporary) as folder:
            file = folder / self._name
            head = self._write(file)
            self._keep(file)
            self._prove(file, head, drill)
        self._rotate()

    @property
    def _folder_path(self) -> Path | None:
        return self._folder.path if self._folder else None

    def _places(self) -> list[tuple[str, BackupPlace]]:
        """With the step of each."""
        return [(KEEPING, self._folder)] if self._folder else []

    def _write(self, file: Path) -> Head:
        """The server's own clock is not there; the zone is of no account."""
        progress, clock = self._reporter.progress(WRITING), Clock(ZoneInfo("UTC"))
        with translated_errors(), snapshot_of(self._plan.database_url) as connection:
            head = backup.write_from(connection, file, clock, progress)
        known = {"made_ms": head.made_ms, "epoch": head.epoch, "total": head.total}
        self._reporter.tell(bytes=file.stat().st_size, rows=sum(head.rows.values()), **known)
        return head

    def _keep(self, file: Path) -> None:
        for step, place in self._places():
            with self._reporter.step(step, file.stat().st_size) as advance:
                place.put(file, self._name, advance)

    def _prove(self, file: Path, head: Head, folder: Path) -> None:
        progress = self._reporter.progress
        total = prove(file, head, folder, progress(RESTORING), progress(VERIFYING))
        self._reporter.tell(restored_total=total, is_proven=bool(self._places()))

    def _rotate(self) -> None:
        kept: set[str] = set()
        for _, place in self._places():
            with self._reporter.step(ROTATING):
                rotate(place, self._plan.backup_keep, self._name)
                kept.update(place.names())
        self._reporter.tell(is_proven=True, is_done=True, kept=sorted(kept) or None)


@contextmanager
def _working_folder(parent: Path) -> Iterator[Path]:
    try:
        with working_folder(parent) as folder:
            yield folder
    except OSError as error:
        raise KoyJaboError(f"{parent} cannot be used: {error.strerror or error}.") from None


def _failure(error: Exception) -> str:
    """What to tell people."""
    if isinstance(error, LedgerUnavailable):
        return f"The database cannot be read: {str(error.__cause__ or error).strip()}."
    if isinstance(error, KoyJaboError):
        return str(error)
    log.error("backup_failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


def main(name: str) -> None:
    process.end_with_parent()
    process.take_lowest_priority()
    reporter = Reporter(1)
    try:
        BackupRun(BackupPlan.read(os.environ), name, reporter).run()
    except Exception as error:
        reporter.tell(error=_failure(error))


if __name__ == "__main__":
    main(sys.argv[1])
