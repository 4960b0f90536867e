"""A database that fails or whose disk is full: no visit is acknowledged, reads continue, and the cause is named."""

import fcntl
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest
import requests
from support.assertions.ledger import assert_exact, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.clients.websocket import WebSocket
from support.databases.database import CUT, SqliteDatabase
from support.faults.disks import small_disk
from support.programs.installed import program
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import START_S, Server

from koyjabo.base.database.outage_causes import (
    CAUSE_AWAY,
    CAUSE_FULL,
    CAUSE_LOCKED,
    CAUSE_READ_ONLY,
    CAUSE_REFUSED,
    CAUSE_STANDBY,
    cause_of,
    waiting_helps,
)
from koyjabo.server.process.metrics_folder import FOLDER_PREFIX

VISITS = 40


def register_apart(server: Server, visitor: str, visit: int = 1) -> Callable[[], requests.Response]:
    """Register on a new connection, for use in a thread."""
    body = {"visitorId": visitor, "visitId": f"{visit}"}
    return lambda: requests.post(f"{server.url}/api/visitor/register", json=body, timeout=PATIENCE_S)


def assert_refused(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def assert_read(server: Server, total: int) -> None:
    """Assert that the total is current. A read that had waited for a lock would be stale."""
    assert server.get("/healthz").ok
    assert (server.stats().total, server.stats().stale) == (total, False)


def assert_refused_until_released(server: Server, hold) -> None:
    before = server.register("ayesha").ordinal
    with ThreadPoolExecutor(1) as clients, hold():
        answer = clients.submit(register_apart(server, "karim", before))
        assert_read(server, before)
        assert_refused(answer.result())
        assert_read(server, before)
    assert server.stats().total == before
    receipt = server.register("karim", visit=f"{before}")
    assert (receipt.ordinal, receipt.duplicate) == (before + 1, False)
    assert server.database.rows("SELECT count(*) FROM visits") == [(before + 1,)]


def assert_said(server: Server, times: int = 1) -> None:
    counts = [server.log.count(f"ledger_{what}") for what in ("unavailable", "recovered")]
    assert counts == [times] * 2, server.log
    assert "Traceback" not in server.log


def test_visits_are_refused_while_the_database_is_locked_and_stored_again_afterwards(server):
    """Includes SQLite's lock file being held by a hung program of ours."""
    locks = [server.database.locked]
    if server.database.kind == "sqlite":
        locks.append(lambda: held(f"{server.database.path}.lock"))
    for lock in locks:
        assert_refused_until_released(server, lock)
    assert_said(server, times=len(locks))


@contextmanager
def held(path: str) -> Iterator[None]:
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_server_waits_for_its_database_at_the_start_and_shows_stale_stats_later(disposable_postgres, new_server):
    """Includes an outage before the first request."""
    server = new_server(disposable_postgres.new_database())
    disposable_postgres.kill()
    server.launch()
    wait_until(lambda: "database_unreachable" in server.log, "it says what it waits for")
    disposable_postgres.start()
    server.wait_until_serving()
    assert server.log.count("database_unreachable") == 1
    disposable_postgres.kill()
    try:
        shown = server.stats()
    finally:
        disposable_postgres.start()
    assert (shown.stale, shown.total) == (True, 0)
    before = wait_until(lambda: (answer := server.post_visit("ayesha")).ok and answer.json(), "visits are stored")
    disposable_postgres.kill()
    assert_refused(server.post_visit("karim", visit="1"))
    shown = server.stats()
    assert (shown.stale, shown.total, shown.epoch) == (True, 1, before["stats"]["epoch"])
    assert server.get("/readyz").status_code == 503
    assert server.get("/healthz").status_code == 200
    disposable_postgres.start()
    assert wait_until(lambda: server.get("/readyz").ok, "ready again")
    assert (server.stats().stale, server.stats().total) == (False, 1)
    receipt = server.register("karim", visit="1")
    assert (receipt.ordinal, receipt.duplicate) == (2, False)
    assert_said(server)
    assert "worker_died" not in server.log


def test_the_stats_can_be_read_while_a_full_disk_makes_the_database_read_only(postgres, new_server):
    """Hosting services change this setting. It does not make the database a standby."""
    database = postgres.new_database()
    server = new_server(database).start()
    assert server.register("ayesha").ordinal == 1
    postgres.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    database.cut_connections()
    assert_refused(server.post_visit("karim"))
    assert "cause='cannot execute" in server.log
    server.stop()
    server.start()
    assert (server.stats().stale, server.stats().total) == (False, 1)
    assert_refused(server.post_visit("karim"))
    postgres.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    database.rows(f"SET default_transaction_read_only = off; {CUT}")
    assert wait_until(lambda: server.post_visit("karim").ok, "visits are stored")


def test_no_acknowledged_visit_is_lost_when_postgresql_and_the_server_are_killed(disposable_postgres, new_server):
    server = new_server(disposable_postgres.new_database()).start()
    with Crowd([server], VISITS, clients=4, goes_on=True) as crowd:
        crowd.wait_for(VISITS)
        disposable_postgres.kill()
        wait_until(lambda: crowd.refusals, "visits are refused while there is no database")
        disposable_postgres.start()
        wait_until(lambda: "ledger_recovered" in server.log, "a visit is committed again")
        assert_said(server)
        server.kill()
        server.start()
    assert set(crowd.refusals) == {("2", "ledger_unavailable")}
    assert_exact(crowd, server)


def test_the_cause_of_an_outage_is_taken_from_the_error_of_the_driver(tmp_path):
    with (
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as one,
        closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as two,
    ):
        one.execute("BEGIN IMMEDIATE")
        assert cause_of(error_of(two, "BEGIN IMMEDIATE")) == CAUSE_LOCKED
    with closing(sqlite3.connect(tmp_path / "b.db")) as small:
        small.execute("PRAGMA max_page_count = 1")
        assert cause_of(error_of(small, "CREATE TABLE a (b)")) == CAUSE_FULL
    assert cause_of(sqlite3.OperationalError("the database file /a.db is gone")) == CAUSE_AWAY
    assert cause_of(OSError(28, "No space left on device")) == CAUSE_FULL
    assert cause_of(PermissionError(13, "Permission denied")) == CAUSE_READ_ONLY
    assert cause_of(ValueError("?")) == ""


TCP = 'connection to server at "db.invalid", port 5432 failed: '
CONNECTING = {
    TCP + "timeout expired": CAUSE_AWAY,
    TCP + "FATAL:  the database system is starting up": CAUSE_AWAY,
    TCP + "server closed the connection unexpectedly": CAUSE_AWAY,
    'could not translate host name "db.invalid" to address: Name or service not known': CAUSE_AWAY,
    TCP + "session is read-only": CAUSE_READ_ONLY,
    TCP + "server is in hot standby mode": CAUSE_STANDBY,
    TCP + 'FATAL:  password authentication failed for user "authentication failed"': CAUSE_REFUSED,
    TCP + 'FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "me", database "x", no encryption': CAUSE_REFUSED,
    TCP + 'FATAL:  database "x" does not exist': CAUSE_REFUSED,
    TCP + "SSL error: certificate verify failed": CAUSE_REFUSED,
    'invalid sslmode value: "no-verify"': CAUSE_REFUSED,
}


def test_the_cause_of_a_failed_connection_is_read_from_the_error_without_its_names():
    """They have no SQLSTATE. Waiting helps unless the server or the driver refuses for good."""
    errors = {psycopg2.OperationalError(text): cause for text, cause in CONNECTING.items()}
    assert {str(error): cause_of(error) for error in errors} == CONNECTING
    assert [str(error) for error, cause in errors.items() if waiting_helps(error) != (cause != CAUSE_REFUSED)] == []


def error_of(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        return error
    raise AssertionError(statement)


VISITORS = 60  # enough visitors to reach all parts of the table of lost connections
LONG = "x" * 500


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "size=4m") as folder:
        if folder is None:
            pytest.skip("the right to mount a small disk is missing: `sudo make test` has it")
        yield folder


@pytest.mark.long(
    proved_by="base/database/test_migrations.py::test_a_file_system_without_locks_or_shared_memory_is_refused"
)
def test_a_start_on_a_mount_without_shared_memory_ends_with_a_sentence(tmp_path, new_server):
    for name in ("kept", "mounted"):
        (tmp_path / name).mkdir()
    subprocess.run([program("bindfs"), "-o", "direct_io", tmp_path / "kept", tmp_path / "mounted"], check=True)
    try:
        server = new_server(SqliteDatabase(tmp_path / "mounted" / "koyjabo.db")).launch()
        assert server.wait(START_S).status == 2
        assert "no memory that processes share" in server.log
    finally:
        subprocess.run(["umount", tmp_path / "mounted"], check=True)


def test_visits_are_refused_while_the_disk_is_full_and_stored_again_afterwards(disk, new_server):
    """Workers survive, even when their metrics cannot be written."""
    server, filler = new_server(SqliteDatabase(disk / "koyjabo.db"), TMPDIR=disk).start(), disk / "filler"
    fill(filler)
    assert server.stats().total == 0
    filler.unlink()
    acknowledged = server.register("ayesha").ordinal
    fill(filler)
    assert_counts_lost_lines(server)
    while (answer := server.post_visit("ayesha", visit=str(acknowledged), page=LONG)).status_code == 200:
        acknowledged = answer.json()["visit"]["ordinal"]  # as long as the log has room
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert server.post_visit("karim", page=LONG).status_code == 503
    assert server.stats().total == acknowledged
    assert server.log.count("ledger_unavailable") == 1, server.log
    (folder,) = disk.glob(f"{FOLDER_PREFIX}*")
    written = [file for file in folder.iterdir() if file.suffix == ".db" or file.name == "comebacks"]
    assert len(written) == 3
    assert all(file.stat().st_blocks * 512 >= file.stat().st_size > 0 for file in written)
    filler.unlink()
    assert server.register("ayesha", visit=str(acknowledged)).ordinal == acknowledged + 1
    assert "ledger_recovered" in server.log
    assert_verified(server)


def test_events_are_refused_and_visits_stored_while_the_disk_is_almost_full(disk, new_server):
    """Applies while less than 5 % of this small disk is free."""
    database = SqliteDatabase.migrated(disk / "koyjabo.db")
    fill(disk / "filler", but=180 * 1024)
    server = new_server(database).start()
    event = {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]}
    refused = server.post("/api/events", json=event)
    assert (refused.status_code, refused.json()["code"]) == (503, "disk_almost_full")
    assert refused.headers["Retry-After"] == "60"
    assert server.register("ayesha").ordinal == 1
    assert "disk_almost_full free=" in server.log
    assert 'koyjabo_errors_total{kind="disk_almost_full"} 1.0' in server.metrics()
    (disk / "filler").unlink()
    wait_until(lambda: server.post("/api/events", json=event).status_code == 200, "events are recorded")
    assert "disk_has_room" in server.log


def assert_counts_lost_lines(server: Server) -> None:
    """Open and lose many visitors' sockets, twice. Asserts that the worker survives and that its metrics count them."""
    born = server.worker_pids()
    for _ in range(2):
        for number in range(VISITORS):
            line = WebSocket(server.port, path=f"/?visitorId=visitor-{number}")
            line.event()
            line.reset()
    ended = f"koyjabo_connection_duration_seconds_count {2 * VISITORS}.0"
    wait_until(lambda: ended in server.metrics(), "all have ended")
    assert server.worker_pids() == born, server.log


def fill(filler: Path, but: int = 0) -> None:
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    if but:
        os.truncate(filler, filler.stat().st_size - but)
