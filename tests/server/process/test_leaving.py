"""SIGTERM and Ctrl+C: open requests are committed and answered, then the server exits with status 0.

Draining may take an hour here, so that tests notice when a server waits for the limit.
"""

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPException
from itertools import count
from typing import Any

import pytest
from support.assertions.ledger import assert_verified
from support.clients.connection import Connection, head
from support.databases.database import Database, SqliteDatabase
from support.faults.failing_programs import PATIENT, written
from support.programs.patience import PATIENCE_S
from support.programs.processes import is_gone, wait_until
from support.servers.server import START_S, Server

from koyjabo.base.database.sqlite import FileLock

CLIENTS = 300


@pytest.fixture
def new_patient(new_server, tmp_path) -> Callable[..., Server]:
    def make(database: Database, **settings: Any) -> Server:
        server = new_server(database, **settings)
        server.program = written(tmp_path, PATIENT)
        return server

    return make


def test_requests_in_flight_are_answered_and_stored(database, new_patient):
    server = new_patient(database, MAX_CONNECTIONS=2 * CLIENTS).start()
    with ExitStack() as stack:
        with server.database.locked():
            clients = [stack.enter_context(Connection(server.port)).send_visit(f"v{n}") for n in range(CLIENTS)]
            assert server.get("/healthz").ok  # sent later, so the others have been read
            server.tell(signal.SIGTERM)
            wait_until(lambda: not accepts(server.port), "no new connection is accepted")
        answers = [client.answer() for client in clients]
        assert server.wait().status == 0
    assert [answer.status for answer in answers] == [200] * CLIENTS
    assert sorted(answer.json["visit"]["ordinal"] for answer in answers) == list(range(1, CLIENTS + 1))
    assert server.database.rows("SELECT count(*) FROM visits") == [(CLIENTS,)]
    assert_verified(server)


def test_request_whose_body_is_still_coming_is_answered(sqlite_database, new_patient):
    server = new_patient(sqlite_database).start()
    with Connection(server.port) as client:
        client.send(head("POST", "/api/visitor/register", "Content-Length: 22"), b'{"visitorId"')
        assert server.get("/healthz").ok
        server.tell(signal.SIGTERM)
        wait_until(lambda: not accepts(server.port), "no new connection is accepted")
        answer = client.send(b': "karim"}').answer()
    assert (answer.status, answer.json["visit"]["ordinal"]) == (200, 1)
    assert server.wait().status == 0


def test_connections_that_are_idle_or_ask_without_pause_do_not_delay_the_exit(sqlite_database, new_patient):
    """A client gets the responses to its requests so far, and must send the next one to another server."""
    server = new_patient(sqlite_database).start()

    def register_until_closed(client: int) -> int:
        """Register visits without pause. Returns their number."""
        with Connection(server.port) as connection:
            for number in count():
                try:
                    answer = connection.send_visit(f"asker-{client}", str(number)).answer()
                except (OSError, HTTPException):
                    return number
                assert answer.status == 200

    with (
        ThreadPoolExecutor(20) as askers,
        Connection(server.port) as silent,
        Connection(server.port) as idle,
    ):
        assert idle.ask("GET", "/api/stats").status == 200
        registered = [askers.submit(register_until_closed, client) for client in range(20)]
        wait_until(lambda: server.stats().total > 100, "the askers register visits")
        server.tell(signal.SIGTERM)
        assert all(future.result(PATIENCE_S) for future in registered)
        assert silent.is_closed()
        assert idle.is_closed()
    assert server.wait().status == 0
    assert_verified(server.start())


def test_database_that_stays_locked_cannot_hold_it_back(database, new_patient):
    """Requests in flight get a response, and the server exits while the lock that all writers wait for is held."""
    server = new_patient(database).start()
    server.register("ayesha")
    is_sqlite = isinstance(database, SqliteDatabase)
    with Connection(server.port) as client, FileLock(str(database.path)).held() if is_sqlite else database.locked():
        client.send_visit("karim")
        assert server.get("/healthz").ok
        assert server.stop().status == 0
        assert client.answer().status == 503
    assert server.database.rows("SELECT count(*) FROM visits") == [(1,)]


def test_worker_does_not_outlive_a_parent_killed_while_it_starts(sqlite_database, new_server):
    server = new_server(sqlite_database).launch()
    workers = wait_until(server.workers, "there is a worker", START_S)
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, workers)), "the worker is gone, too", START_S)


def accepts(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(PATIENCE_S)
        return caller.connect_ex(("127.0.0.1", port)) == 0
