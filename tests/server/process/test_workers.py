"""Workers die and are replaced. Several share one port and one ledger."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import requests
from support.assertions.ledger import assert_exact
from support.clients.concurrent_registrations import Crowd
from support.clients.connection import Connection
from support.clients.worker_connections import only, two_workers as two_workers_serve
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

VISITS, LIMIT = 150, 20
ANY_REDIS = "redis://127.0.0.1:1/0"
"""Nothing listens there: two workers count without Redis."""


def test_killed_worker_is_replaced_and_its_visits_are_all_there(server):
    with Crowd([server], VISITS, goes_on=True) as crowd:
        crowd.wait_for(VISITS)
        killed = server.kill_worker()
        crowd.wait_for_later()
    assert killed not in server.worker_pids()
    assert len(server.worker_pids()) == 1
    assert f"worker_died pid={killed}" in server.log
    assert_exact(crowd, server)


@pytest.fixture(scope="module")
def two_workers(module_database, module_servers):
    return two_workers_serve(module_servers(module_database, REDIS_URL=ANY_REDIS))


def test_two_workers_both_serve_and_number_visits_as_one(two_workers):
    before = two_workers.stats().total
    with Crowd([two_workers], VISITS, goes_on=True) as crowd:
        crowd.wait_for(VISITS)
        two_workers.kill_worker()
    assert_exact(crowd, two_workers, before)
    wait_until(lambda: len(two_workers.worker_pids()) == 2, "the killed one is replaced")
    for number, worker in enumerate(two_workers.workers(), before + crowd.acknowledged + 1):
        with only(two_workers, worker), Connection(two_workers.port) as connection:
            assert connection.send_visit("ayesha", str(number)).answer().json["visit"]["ordinal"] == number


def test_no_worker_shows_less_than_another_acknowledged(two_workers):
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


def test_workers_share_a_limit(sqlite_database, redis_server, new_server):
    settings = {"TRUSTED_PROXIES": 1, "RATE_LIMIT_REGISTRATIONS": LIMIT}
    server = two_workers_serve(new_server(sqlite_database, REDIS_URL=redis_server.url, **settings))

    def register(number: int) -> requests.Response:
        body, headers = {"visitorId": f"visitor{number}"}, {"X-Forwarded-For": "203.0.113.7"}
        return requests.post(f"{server.url}/api/visitor/register", json=body, headers=headers, timeout=PATIENCE_S)

    for worker in server.workers():
        with only(server, worker):
            answers = [register(number) for number in range(LIMIT + 1)]
        # A minute may end between two requests, but not two minutes.
        assert {answer.status_code for answer in answers} == {200, 429}, {answer.text for answer in answers}
        assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(LIMIT // 2)}


VISITORS, ROUND = 50, 1500
MAX_GROWTH_BYTES = 512
"""Bytes that a worker may grow per visit: less than storing one takes. Caches are full after the warm-up."""


def test_worker_keeps_nothing_of_a_visit(tmp_path):
    """Measures Python's allocations, which other programs do not affect."""
    with changed_server(tmp_path) as server, Connection(server.port) as connection:
        server.resident()  # wait until everything is loaded
        server.allocated()
        allocated = []
        for first in range(0, 800, 200):  # a one-time allocation shows in one round, a leak in each
            register(connection, range(first, first + 200))
            allocated.append(server.allocated())
    assert min(later - earlier for earlier, later in pairwise(allocated)) / 200 < MAX_GROWTH_BYTES


def register(connection: Connection, numbers: range) -> None:
    for number in numbers:
        assert connection.send_visit(f"visitor-{number % VISITORS}", str(number)).answer().status == 200


@pytest.mark.honest_start
@pytest.mark.long(proved_by="server/process/test_workers.py::test_worker_keeps_nothing_of_a_visit")
def test_worker_does_not_grow_with_the_visits_it_serves(tmp_path):
    """Includes allocations of SQLite and other libraries. A one-time allocation shows in one round, a leak in each."""
    with changed_server(tmp_path) as server:
        resident = []
        for seed in range(4):
            with Crowd([server], ROUND, clients=8, retries=0, seed=seed):
                pass
            resident.append(server.resident())
    assert min(later - earlier for earlier, later in pairwise(resident)) / ROUND < MAX_GROWTH_BYTES
