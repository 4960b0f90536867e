"""The backups that the server makes by itself: a real process of its own for each, with the clock of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.application.site import Site
from support.programs.processes import wait_until

from koyjabo.core.identity import OPERATOR
from koyjabo.maintenance.backups.backups import Backups, BackupState
from koyjabo.maintenance.backups.places import Folder
from koyjabo.maintenance.services import MaintenanceServices


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "backups"
    path.mkdir()
    return path


@pytest.fixture
def site(sqlite_database, folder) -> Iterator[Site]:
    with Site(sqlite_database.url, BACKUP_DIR=str(folder)) as site:
        site.time.go_to("2025-12-16T03:29:59+06:00")
        yield site


def backups(site: Site) -> Backups:
    return site.services[MaintenanceServices].backups


def state(site: Site) -> BackupState:
    return backups(site).state(OPERATOR)


def ended(site: Site) -> BackupState:
    """When none is made any more by this worker."""
    return wait_until(lambda: (found := state(site)).running is None and backups(site)._process is None and found, "")


def test_backup_is_made_at_its_time_and_proven(site, folder):
    site.register()
    backups(site).tick()
    assert state(site).rows == []  # the first one is made at the next BACKUP_AT
    site.time.go_to("2025-12-16T03:30:00+06:00")
    backups(site).tick()
    made = ended(site)
    assert made.proven, made
    assert (made.proven.state, made.proven.total, made.proven.restored_total) == ("proven", 1, 1), made.proven
    assert Folder(folder).names() == [made.proven.name]
    assert [each.name for each in folder.iterdir()] == [made.proven.name]  # and nothing else
    assert site.rows("SELECT type FROM webhook_events") == [("backup.verified",)]
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.backup'") == [(1,)]
    backups(site).tick()
    assert len(state(site).rows) == 1  # once a day
