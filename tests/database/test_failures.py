"""When the database fails nothing is acknowledged, reading goes on, and all heals by itself."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
from support.checks import assert_verified
from support.processes import wait_until
from support.server import Server

pytestmark = pytest.mark.waits


FAST_S = 3
"""On a machine that is busy; whoever waits for a lock waits longer."""

BOUNDED_S = 15
"""The longest anybody may be kept waiting for a database that does not answer."""


def register_apart(server: Server, visitor: str) -> Callable[[], requests.Response]:
    """A registration on a connection of its own, for a thread."""
    body = {"visitorId": visitor, "visitId": "1"}
    return lambda: requests.post(f"{server.url}/api/visitor/register", json=body, timeout=20)


def assert_refused(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def assert_reads_are_fast_until(done: Future, server: Server) -> None:
    while not done.done():
        for path in ("/api/stats", "/healthz"):
            began = time.monotonic()
            assert server.get(path).status_code == 200
            assert time.monotonic() - began < FAST_S, f"{path} waited for the lock"
        time.sleep(0.05)


def assert_refused_until_released(server: Server, hold) -> None:
    before = server.register("ayesha").ordinal
    with ThreadPoolExecutor(1) as clients, hold():
        began = time.monotonic()
        answer = clients.submit(register_apart(server, "karim"))
        assert_reads_are_fast_until(answer, server)
        assert time.monotonic() - began < BOUNDED_S
        assert_refused(answer.result())
    assert server.stats().total == before
    told = server.register("karim", visit="1")
    assert (told.ordinal, told.duplicate) == (before + 1, False)
    assert server.database.rows("SELECT count(*) FROM visits") == [(before + 1,)]


def assert_said_once(server: Server) -> None:
    assert server.log.count("ledger_unavailable") == 1, server.log
    assert server.log.count("ledger_recovered") == 1, server.log
    assert "Traceback" not in server.log


def test_locked_database_refuses_visits_and_heals(server):
    assert_refused_until_released(server, server.database.locked)
    assert_said_once(server)


def test_held_file_lock_refuses_visits_and_heals(sqlite_database, new_server):
    """Another program of ours that hangs while it holds the lock beside the database."""
    server = new_server(sqlite_database).start()

    @contextmanager
    def held() -> Iterator[None]:
        with open(f"{sqlite_database.path}.lock") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    assert_refused_until_released(server, held)
    assert_said_once(server)


@pytest.fixture
def postgres_server(mortal_postgres, new_server):
    return new_server(mortal_postgres.new_database()).start()


def test_without_postgres_the_last_known_stats_are_shown_as_stale(postgres_server, mortal_postgres):
    server = postgres_server
    before = server.register("ayesha").stats
    mortal_postgres.kill()
    assert_refused(server.post_visit("karim", visit="1"))
    shown = server.stats()
    assert (shown.stale, shown.total, shown.epoch) == (True, before.total, before.epoch)
    assert server.get("/readyz").status_code == 503
    assert server.get("/healthz").status_code == 200
    mortal_postgres.start()
    assert wait_until(lambda: server.get("/readyz").ok, "ready again")
    assert (server.stats().stale, server.stats().total) == (False, before.total)
    told = server.register("karim", visit="1")
    assert (told.ordinal, told.duplicate) == (before.total + 1, False)
    assert_said_once(server)


def test_stats_are_known_from_the_start(postgres_server, mortal_postgres):
    """PostgreSQL goes before anybody has asked for anything."""
    mortal_postgres.kill()
    try:
        shown = postgres_server.get("/api/stats")
    finally:
        mortal_postgres.start()
    assert shown.status_code == 200, shown.text
    assert (shown.json()["stale"], shown.json()["totalVisitors"]) == (True, 0)


@pytest.mark.long
def test_frozen_postgres_keeps_nobody_waiting(postgres_server, mortal_postgres):
    """It answers no more, and its connections stay open: nothing tells the server but time."""
    server = postgres_server
    before = server.register("ayesha").stats
    with ThreadPoolExecutor(1) as clients, mortal_postgres.frozen():
        began = time.monotonic()
        answer = clients.submit(register_apart(server, "karim"))
        assert server.get("/healthz").ok
        shown = server.stats()
        assert (shown.stale, shown.total) == (True, before.total)
        assert_refused(answer.result())
        assert time.monotonic() - began < BOUNDED_S
    assert wait_until(lambda: server.post_visit("karim", visit="1").ok, "visits are stored again")
    assert server.stats().total == before.total + 1
    assert_said_once(server)
    assert_verified(server)
