"""Backups of running servers: one of several servers makes it, outside the event loop, and it ends with its server."""

import os
import signal

import psutil
import pytest
from support.databases.database import Database
from support.programs.patience import BEHIND_S
from support.programs.processes import is_gone, wait_until
from support.servers.changed_server import TRESPASS, ChangedServer
from support.servers.server import Server

from koyjabo.upkeep.backups.folder import LOCK_FILE, BackupFolder

pytestmark = pytest.mark.long(proved_by="upkeep/backups/test_backups.py::test_backup_is_made_at_its_time_and_verified")

ON_LONG_AGO = "INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES ('backups', '', '', 0, 0)"


@pytest.fixture
def waiting(database) -> Database:
    """A database whose servers were down when the day's backup was due."""
    database.begin()
    database.rows(ON_LONG_AGO)
    return database


def child_of(server: Server) -> psutil.Process:
    """Wait for the process that makes the backup."""

    def find() -> psutil.Process | None:
        family = psutil.Process(server.pid).children(recursive=True)
        return next((process for process in family if "backup" in process.cmdline()), None)

    return wait_until(find, "the process is there", BEHIND_S)


@pytest.mark.honest_start
@pytest.mark.both_kinds
def test_server_that_was_down_makes_its_backup_when_it_is_back(waiting, folder, tmp_path):
    """No real thread uses anything that belongs to the loop."""
    server = ChangedServer(waiting, tmp_path, CHANGES="{}", WATCHED=1, BACKUP_DIR=str(folder)).start()
    try:
        child = child_of(server)
        wait_until(lambda: child.nice() == 10, "it has a low priority")  # lowered after its start
        assert "SECRET" not in " ".join(child.cmdline()) + str(waiting.url in child.cmdline())
        wait_until(lambda: BackupFolder(folder).names(), "it is verified", BEHIND_S)
        assert server.stop().status == 0
        assert TRESPASS not in server.log, server.log
    finally:
        server.kill()


@pytest.mark.both_kinds
def test_one_of_several_servers_makes_the_backup(waiting, folder, new_server, redis_server):
    settings = {"BACKUP_DIR": str(folder), "REDIS_URL": redis_server.url}
    servers = [new_server(waiting, WEB_CONCURRENCY="2", **settings).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    ended = "SELECT 1 FROM nightly_work WHERE name = 'backups' AND day <> '' AND ended_ms IS NOT NULL"
    wait_until(lambda: waiting.rows(ended), "it is verified", BEHIND_S)
    for server in servers:
        server.post_visit("ayesha")
        server.stop()
        server.start()
    assert len(BackupFolder(folder).names("")) == 1


def test_stopping_server_does_not_wait_for_a_backup_and_leaves_no_part_of_it(waiting, folder, new_server):
    server = new_server(waiting, BACKUP_DIR=str(folder)).start()
    child = child_of(server)
    os.kill(child.pid, signal.SIGSTOP)
    server.stop()
    os.kill(child.pid, signal.SIGCONT)
    wait_until(lambda: is_gone(child), "it has ended")
    assert {*os.listdir(folder)} <= {LOCK_FILE}
    assert waiting.rows("SELECT 1 FROM audit_log WHERE action = 'backup.failed'") == []
