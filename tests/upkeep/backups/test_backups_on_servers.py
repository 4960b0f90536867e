"""Backups of running servers: one of several servers makes it, outside the event loop, and the backup process ends with
its server.
"""

from collections.abc import Iterator

import psutil
import pytest
from support.databases.database import Database
from support.programs.patience import BEHIND_S
from support.programs.processes import is_gone, wait_until
from support.servers.changed_server import TRESPASS, ChangedServer
from support.servers.s3_server import CREDENTIALS, HANG
from support.servers.server import Server

pytestmark = pytest.mark.long(proved_by="upkeep/backups/test_backups.py::test_backup_is_made_at_its_time_and_verified")

ON_LONG_AGO = "INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('backups', '', '', 0)"


@pytest.fixture
def waiting(database) -> Database:
    """A database whose servers were down when the day's backup was due."""
    database.begin()
    database.rows(ON_LONG_AGO)
    return database


def states(database: Database) -> list[str]:
    return [state for (state,) in database.rows("SELECT state FROM backups ORDER BY id")]


def child_of(server: Server) -> psutil.Process:
    """Wait for the process that makes the backup."""

    def find() -> psutil.Process | None:
        family = psutil.Process(server.pid).children(recursive=True)
        return next((process for process in family if "koyjabo.upkeep.backups.run" in process.cmdline()), None)

    return wait_until(find, "the process is there")


@pytest.fixture
def changed(waiting, folder, tmp_path) -> Iterator[ChangedServer]:
    server = ChangedServer(waiting, tmp_path, CHANGES="{}", WATCHED=1, BACKUP_DIR=str(folder.path))
    yield server
    server.kill()


@pytest.mark.honest_start
@pytest.mark.both_kinds
def test_server_that_was_down_makes_its_backup_when_it_is_back(changed, folder):
    """No real thread uses anything that belongs to the loop."""
    changed.start()
    child = child_of(changed)
    wait_until(lambda: child.nice() == 10, "it has a low priority")  # lowered after its start
    assert "SECRET" not in " ".join(child.cmdline()) + str(changed.database.url in child.cmdline())
    wait_until(lambda: states(changed.database) == ["proven"], "it is proven", BEHIND_S)
    assert len(folder.names()) == 1
    assert changed.stop().status == 0
    assert TRESPASS not in changed.log, changed.log


@pytest.mark.both_kinds
def test_one_of_several_servers_makes_the_backup(waiting, folder, new_server, redis_server):
    settings = {"BACKUP_DIR": str(folder.path), "REDIS_URL": redis_server.url}
    servers = [new_server(waiting, WEB_CONCURRENCY="2", **settings).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    wait_until(lambda: states(waiting) == ["proven"], "it is proven", BEHIND_S)
    for server in servers:
        server.post_visit("ayesha")
        server.stop()
        server.start()
    assert states(waiting) == ["proven"]
    assert len(folder.names()) == 1


@pytest.fixture
def sending(waiting, s3, new_server) -> Server:
    """A server whose bucket does not respond for a minute."""
    s3.fault = lambda number: HANG
    server = new_server(waiting, BACKUP_TO=s3.url("site"), **CREDENTIALS).start()
    wait_until(lambda: s3.calls, "the bucket is asked", BEHIND_S)
    return server


def test_stopping_server_does_not_wait_for_a_backup(waiting, sending):
    child = child_of(sending)
    sending.stop()
    assert is_gone(child)
    assert waiting.rows("SELECT state, step, error FROM backups") == [
        ("failed", "sending", "The server stopped while it made this backup.")
    ]


def test_backup_process_dies_with_its_worker(waiting, sending):
    child = child_of(sending)
    sending.kill_worker()
    wait_until(lambda: is_gone(child), "it has ended")
    assert states(waiting) == ["running"]
    waiting.rows("UPDATE backups SET seen_ms = 0")  # as if two minutes had passed
    wait_until(lambda: states(waiting) == ["failed", "running"], "the next one has begun")
