"""Backups and restores in separate processes, which may be killed."""

import os
import signal
import sqlite3
from contextlib import closing

import psutil
import pytest
from support.application.site import Site
from support.assertions.ledger import assert_verified
from support.databases.database import SqliteDatabase
from support.programs.patience import BEHIND_S
from support.programs.processes import wait_until
from support.servers.changed_server import TRESPASS, ChangedServer
from support.sites.backups import back_up
from support.sites.full_site import count_all

from koyjabo.counting.records import NewVisit
from koyjabo.upkeep.backups.folder import BackupFolder

LONG_AGO_MS, HOUR_MS = 1_714_585_000_000, 3_600_000
MANY = 6_000


def is_being_written(database: SqliteDatabase) -> bool:
    with closing(sqlite3.connect(database.path, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


@pytest.mark.long(
    proved_by="upkeep/backups/test_backup_files.py::test_a_damaged_backup_or_one_with_a_wrong_head_changes_nothing"
)
def test_a_restore_that_is_killed_has_changed_nothing(sqlite_database, new_server, tmp_path):
    """The backup has one visit per hour."""
    with Site(SqliteDatabase.migrated(tmp_path / "elsewhere.db").url) as site:
        count_all(site, (NewVisit(f"v{n % 3000}", str(n), at_ms=LONG_AGO_MS + n * HOUR_MS) for n in range(MANY)))
        file = back_up(site, tmp_path / "koyjabo.backup")
    server = new_server(sqlite_database).start()
    server.register("ayesha", visit="1")
    server.stop()
    restore = server.begin("restore", file, "--force")
    wait_until(lambda: is_being_written(sqlite_database) or restore.poll() is not None, "it restores", every_s=0.001)
    os.kill(restore.pid, signal.SIGKILL)
    assert restore.wait() == -signal.SIGKILL
    server.start()
    assert server.register("ayesha", visit="1").duplicate
    assert server.stats().total == 1
    assert_verified(server)
    server.koyjabo("restore", str(file), "--force").check_returncode()
    assert server.stats().total == MANY


@pytest.mark.long(proved_by="upkeep/backups/test_backups.py::test_the_nightly_backup_is_made_at_its_time_and_verified")
@pytest.mark.honest_start
def test_a_server_that_was_down_makes_the_missed_backup_outside_the_event_loop(sqlite_database, folder, tmp_path):
    sqlite_database.begin()
    missed = "INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES ('backups', '', '', 0, 0)"
    sqlite_database.rows(missed)
    server = ChangedServer(sqlite_database, tmp_path, CHANGES="{}", WATCHED=1, BACKUP_DIR=str(folder)).start()
    try:
        child = wait_until(lambda: backup_of(server), "the process is there", BEHIND_S)
        wait_until(lambda: child.nice() == 10, "it has a low priority")
        wait_until(lambda: BackupFolder(folder).names(), "it is verified", BEHIND_S)
        assert server.stop().status == 0
        assert TRESPASS not in server.log, server.log
    finally:
        server.kill()


def backup_of(server: ChangedServer) -> psutil.Process | None:
    family = psutil.Process(server.pid).children(recursive=True)
    return next((process for process in family if "backup" in process.cmdline()), None)
