"""Backs up a site and restores it, and writes files and failures as if the server had made a backup."""

from __future__ import annotations

from pathlib import Path

from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.upkeep.backups import backup
from koyjabo.upkeep.backups.backup_file import BackupWriter, Head
from koyjabo.upkeep.backups.backups import Backups
from koyjabo.upkeep.backups.folder import VERIFIED_ENDING, new_name
from koyjabo.upkeep.backups.restore import restore_file
from support.application.site import Site
from support.sites.full_site import in_context, quiet

HOUR_MS = 3_600_000


def back_up(site: Site, path: Path, force: bool = False) -> Path:
    with in_context(site):
        backup.back_up(path, force, site.services.clock, quiet)
    return path


def restore(site: Site, path: Path, force: bool = False) -> Head:
    with in_context(site):
        return restore_file(path, force, site.services.clock, quiet)


def add_backup(site: Site, hours_ago: float = 0, total: int = 22_121, ending: str = VERIFIED_ENDING) -> str:
    """Write a backup with this total and no rows into the site's BACKUP_DIR. Returns its name."""
    made_ms = round(site.time.ms - hours_ago * HOUR_MS)
    name = f"{new_name(made_ms)}{ending}"
    with Path(site.settings["BACKUP_DIR"], name).open("wb") as file:
        writer = BackupWriter(file)
        writer.head(Head(NEWEST_REVISION, made_ms, 1, total, {"visits": total}))
        writer.end()
    return name


def add_failure(site: Site, error: str = "No space is left on /backups.") -> None:
    """Record a backup that has failed now."""
    site.services[Backups]._fail(error)
