"""Backs up a site, and restores it."""

from __future__ import annotations

from pathlib import Path

from koyjabo.upkeep.backups import backup
from koyjabo.upkeep.backups.backup_file import Head
from koyjabo.upkeep.backups.restore import restore_file
from support.application.site import Site
from support.sites.full_site import in_context, quiet


def back_up(site: Site, path: Path, force: bool = False) -> Path:
    with in_context(site):
        backup.back_up(path, force, site.services.clock, quiet)
    return path


def restore(site: Site, path: Path, force: bool = False) -> Head:
    with in_context(site):
        return restore_file(path, force, site.services.clock, quiet)
