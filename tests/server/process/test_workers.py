"""Workers die and are replaced, share one port and one ledger, and answer open requests before they exit."""

import json
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPException
from itertools import count, pairwise
from typing import Any

import pytest
import requests
from support.assertions.ledger import assert_exact, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.clients.connection import Connection, head
from support.clients.worker_connections import only, two_workers as two_workers_serve
from support.databases.database import Database, SqliteDatabase
from support.programs.patience import PATIENCE_S
from support.programs.processes import is_gone, wait_until
from support.servers.changed_server import ChangedServer, changed_server
from support.servers.server import START_S, Server

from koyjabo.base.database.file_lock import FileLock

VISITS = 60
ANY_REDIS = "redis://127.0.0.1:1/0"  # Nothing listens there: two workers count without Redis


@pytest.fixture(scope="module")
def two_workers(module_database, module_servers):
    return two_workers_serve(module_servers(module_database, REDIS_URL=ANY_REDIS))


def test_two_workers_number_visits_without_gaps_also_when_one_is_killed_and_replaced(two_workers):
    before = two_workers.stats().total
    with Crowd([two_workers], VISITS, goes_on=True) as crowd:
        crowd.wait_for(VISITS)
        killed = two_workers.kill_worker()
        crowd.wait_for_later()
    wait_until(lambda: f"worker_died pid={killed}" in two_workers.log, "its end is logged")
    assert_exact(crowd, two_workers, before)
    wait_until(lambda: len(two_workers.worker_pids()) == 2, "the killed one is replaced")
    for number, worker in enumerate(two_workers.workers(), before + crowd.acknowledged + 1):
        with only(two_workers, worker), Connection(two_workers.port) as connection:
            assert connection.send_visit("ayesha", str(number)).answer().json["visit"]["ordinal"] == number


def test_no_worker_shows_a_lower_total_than_another_worker_has_acknowledged(two_workers):
    """Requests use new connections, so that any worker may answer."""

    before = two_workers.stats().total

    def register_and_look(number: int) -> tuple[int, int]:
        body = {"visitorId": f"visitor-{number}", "visitId": "look"}
        receipt = requests.post(f"{two_workers.url}/api/visitor/register", json=body, timeout=PATIENCE_S).json()
        shown = requests.get(f"{two_workers.url}/api/stats", timeout=PATIENCE_S).json()
        return receipt["visit"]["ordinal"], shown["totalVisitors"]

    with ThreadPoolExecutor(8) as clients:
        pairs = list(clients.map(register_and_look, range(100)))
    assert [(ordinal, shown) for ordinal, shown in pairs if shown < ordinal] == []
    assert sorted(ordinal for ordinal, _ in pairs) == list(range(before + 1, before + 101))


VISITORS, ROUND = 50, 100
MAX_GROWTH_BYTES = 512
"""Bytes that a worker may grow per visit: less than storing one takes. Caches are full after the warm-up."""


def test_a_worker_keeps_nothing_of_a_visit_in_memory(tmp_path):
    """Measures Python's allocations, which other programs do not affect."""
    with changed_server(tmp_path) as server, Connection(server.port) as connection:
        server.resident()  # wait until everything is loaded
        server.allocated()
        allocated = []
        for first in range(0, 4 * ROUND, ROUND):  # a one-time allocation shows in one round, a leak in each
            for number in range(first, first + ROUND):
                assert connection.send_visit(f"visitor-{number % VISITORS}", str(number)).answer().status == 200
            allocated.append(server.allocated())
    assert min(later - earlier for earlier, later in pairwise(allocated)) / ROUND < MAX_GROWTH_BYTES


CLIENTS = 50


ENDLESS_PATIENCE = {f"koyjabo.counting.ledger.VISIT_COMMIT_{limit}_S": 3600 for limit in ("PATIENCE", "LIMIT")}
"""Visits wait for the database until a test lets them go on."""


@pytest.fixture
def new_patient(new_server) -> Callable[..., Server]:
    """Make servers that may drain for an hour."""

    def make(database: Database, changes: dict[str, int] | None = None, **settings: Any) -> Server:
        server = new_server(database, CHANGES=json.dumps(changes or {}), **settings)
        server.program = ChangedServer.program
        return server

    return make


def held(database: Database) -> AbstractContextManager[None]:
    """Hold the lock that all writers wait for."""
    return FileLock(str(database.path)).held() if isinstance(database, SqliteDatabase) else database.locked()


def test_requests_in_flight_at_sigterm_are_stored_and_get_their_responses(database, new_patient):
    """Includes a request whose body arrives later, and idle connections, which do not delay the exit."""
    server = new_patient(database, ENDLESS_PATIENCE, MAX_CONNECTIONS=2 * CLIENTS).start()
    with ExitStack() as stack, Connection(server.port) as late, Connection(server.port) as idle:
        assert idle.ask("GET", "/api/stats").status == 200
        late.send(head("POST", "/api/visitor/register", "Content-Length: 22"), b'{"visitorId"')
        with held(database):
            clients = [stack.enter_context(Connection(server.port)).send_visit(f"v{n}") for n in range(CLIENTS)]
            assert server.get("/healthz").ok  # sent later, so the others have been read
            server.tell(signal.SIGTERM)
            wait_until(lambda: not accepts(server.port), "no new connection is accepted")
        answers = [client.answer() for client in clients] + [late.send(b': "karim"}').answer()]
        assert idle.is_closed()
        assert server.wait().status == 0
    assert [answer.status for answer in answers] == [200] * (CLIENTS + 1)
    assert sorted(answer.json["visit"]["ordinal"] for answer in answers) == list(range(1, CLIENTS + 2))
    assert_verified(server)


def test_clients_that_send_without_pause_do_not_delay_the_exit(sqlite_database, new_patient):
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

    with ThreadPoolExecutor(8) as askers, Connection(server.port) as silent:
        registered = [askers.submit(register_until_closed, client) for client in range(8)]
        wait_until(lambda: server.stats().total > 100, "the askers register visits")
        server.tell(signal.SIGTERM)
        assert all(future.result(PATIENCE_S) for future in registered)
        assert silent.is_closed()
    assert server.wait().status == 0
    assert_verified(server.start())


def test_a_database_that_stays_locked_does_not_delay_the_exit(database, new_patient):
    """Requests in flight get a response, and the server exits while the lock that all writers wait for is held."""
    server = new_patient(database).start()
    server.register("ayesha")
    with Connection(server.port) as client, held(database):
        client.send_visit("karim")
        assert server.get("/healthz").ok
        assert server.stop().status == 0
        assert client.answer().status == 503
    assert server.database.rows("SELECT count(*) FROM visits") == [(1,)]


def test_a_worker_ends_when_its_parent_is_killed_during_the_start(sqlite_database, new_server):
    server = new_server(sqlite_database).launch()
    workers = wait_until(server.workers, "there is a worker", START_S)
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, workers)), "the worker is gone, too", START_S)


def accepts(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(PATIENCE_S)
        return caller.connect_ex(("127.0.0.1", port)) == 0
