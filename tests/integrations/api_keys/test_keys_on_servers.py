"""A key that sends lists of visits while the server is killed."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import requests
from support.assertions.ledger import assert_verified
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server

SUMMARY = "/api/reports/summary"
LISTS, SIZE = 12, 500
IN_TIME_S = 60


def made_key(server: Server, scope: str) -> tuple[str, str]:
    """Create a key with this scope. Returns the key and its id."""
    text = server.koyjabo("key", "create", "App", "--scope", scope).stdout.strip()
    return text, server.koyjabo("key", "list").stdout.split()[0]


@pytest.mark.long(
    proved_by="integrations/api_keys/test_sent_visits.py::test_the_visits_of_a_list_are_counted_once_and_in_their_order"
)
@pytest.mark.both_kinds
def test_a_list_of_visits_that_a_kill_interrupts_is_counted_once_after_a_retry(database, new_server):
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
