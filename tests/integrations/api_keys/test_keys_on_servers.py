"""Keys on real servers: revoked while two workers are busy, and used to send a list of visits while the server is
killed.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import requests
from support.assertions.ledger import assert_verified
from support.clients.worker_connections import WorkerConnection, two_workers, worker_connections
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

SUMMARY = "/api/reports/summary"
LISTS, SIZE = 12, 500
LOAD = 20
"""Calls that each client makes before the key is revoked, and again afterwards."""

IN_TIME_S = 60


def made_key(server: Server, scope: str) -> tuple[str, str]:
    """Create a key with this scope. Returns the key and its id."""
    text = server.koyjabo("key", "create", "App", "--scope", scope).stdout.strip()
    return text, server.koyjabo("key", "list").stdout.split()[0]


@pytest.mark.long(proved_by="integrations/api_keys/test_api_keys.py::test_revoked_key_is_refused_at_once")
@pytest.mark.both_kinds
def test_key_that_is_revoked_under_load_is_refused_by_every_worker_at_once(database, redis_server, new_server):
    server = two_workers(new_server(database, REDIS_URL=redis_server.url, RATE_LIMIT_KEYS=0, RATE_LIMIT_REPORTS=0))
    key, key_id = made_key(server, "reports:read")
    revoked_at: list[float] = []
    with worker_connections(server) as connections, ThreadPoolExecutor(len(connections)) as clients:
        is_over = threading.Event()
        calls: list[list[tuple[float, int]]] = [[] for _ in connections]

        def ask(connection: WorkerConnection, calls: list[tuple[float, int]]) -> list[tuple[float, int]]:
            """Make calls until `is_over` is set. Each result has the call's start time and status."""
            while not is_over.is_set():
                began = time.monotonic()
                calls.append((began, connection.ask("GET", SUMMARY, token=key)[0]))
            return calls

        asking = [clients.submit(ask, *connection) for connection in zip(connections, calls, strict=True)]
        wait_until(lambda: all(len(answers) > LOAD for answers in calls), "both workers are busy")
        assert server.koyjabo("key", "revoke", key_id).returncode == 0
        revoked_at.append(time.monotonic())
        least = LOAD + max(len(answers) for answers in calls)
        wait_until(lambda: all(len(answers) > least for answers in calls), "both have answered afterwards")
        is_over.set()
        for request in asking:
            statuses = request.result(IN_TIME_S)
            assert {status for _, status in statuses} == {200, 401}
            after = [status for began, status in statuses if began > revoked_at[0]]
            assert set(after) == {401}


@pytest.mark.long(
    proved_by="integrations/api_keys/test_sent_visits.py::test_visits_are_counted_in_their_order_and_once"
)
@pytest.mark.both_kinds
def test_lists_that_a_kill_interrupts_are_counted_once_when_they_are_sent_again(database, new_server):
    server = new_server(database, RATE_LIMIT_KEYS=0).start()
    key, _ = made_key(server, "visits:write")
    answered = count()

    def send(number: int) -> list[int]:
        """Repeat until there is a response, as a client would."""
        names = [f"{number}-{index}" for index in range(SIZE)]
        visits = [{"visitorId": f"v{name}", "visitId": name} for name in names]
        until = time.monotonic() + IN_TIME_S
        while time.monotonic() < until:
            try:
                headers = {"Authorization": f"Bearer {key}"}
                answer = requests.post(
                    f"{server.url}/api/visits", json={"visits": visits}, headers=headers, timeout=PATIENCE_S
                )
            except OSError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                next(answered)
                return [result["ordinal"] for result in answer.json()["results"]]
            assert answer.status_code == 503, answer.text
        raise TimeoutError

    with ThreadPoolExecutor(4) as clients:
        sending = [clients.submit(send, number) for number in range(LISTS)]
        wait_until(lambda: sum(request.done() for request in sending) >= LISTS // 3, "some are counted")
        server.kill()
        server.start()
        ordinals = [ordinal for request in sending for ordinal in request.result(IN_TIME_S)]
    assert sorted(ordinals) == list(range(1, LISTS * SIZE + 1))
    assert server.stats().total == LISTS * SIZE
    assert_verified(server)
