"""Events sent to two servers on one database, one of which is killed: each that was acknowledged is there once."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from contextlib import closing

import pytest
from support.client import REQUEST_TIMEOUT_S
from support.processes import wait_until

pytestmark = pytest.mark.waits

CLIENTS, REQUESTS, EACH = 4, 40, 4
PATIENCE = 400


class Sender(threading.Thread):
    """Sends events until they are acknowledged, to one server after the other, and half of them to both."""

    def __init__(self, which: int, servers: list) -> None:
        super().__init__()
        self.which = which
        self.acknowledged: Counter[str] = Counter()
        """How often each event was called new, or not."""
        self.surprises: list[str] = []
        self._servers = servers

    def run(self) -> None:
        for number in range(REQUESTS):
            ids = [f"{self.which}-{number}-{each}" for each in range(EACH)]
            self._send(ids, number)
            if number % 2:
                again = self._send(ids, number + 1)
                if again != {"accepted": 0, "duplicates": EACH}:
                    self.surprises.append(f"{ids[0]} was sent again: {again}")

    def _send(self, ids: list[str], first: int) -> dict:
        events = [{"id": each, "name": "search", "props": {"n": self.which}} for each in ids]
        for attempt in range(PATIENCE):
            answer = post(self._servers[(first + attempt) % 2], {"visitorId": f"v{self.which}", "events": events})
            if answer is not None:
                self.acknowledged.update(ids)
                return answer
            threading.Event().wait(0.05)
        self.surprises.append(f"{ids[0]} was never acknowledged")
        return {}


def post(server, body: dict) -> dict | None:
    """The answer; None if there was none, or a refusal for now."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=REQUEST_TIMEOUT_S)) as connection:
        try:
            connection.request("POST", "/api/events", json.dumps(body), {"Content-Type": "text/plain"})
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None


def test_no_acknowledged_event_is_lost_or_doubled_by_kill_9(database, new_server):
    servers = [new_server(database).launch() for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    senders = [Sender(which, servers) for which in range(CLIENTS)]
    for sender in senders:
        sender.start()
    wait_until(lambda: sum(len(each.acknowledged) for each in senders) > 200, "some are acknowledged")
    servers[0].kill()
    servers[0].start()
    for sender in senders:
        sender.join()
    assert [surprise for sender in senders for surprise in sender.surprises] == []
    rows = database.rows("SELECT visitor_id, event_id, id FROM events ORDER BY id")
    sent = {(f"v{sender.which}", event) for sender in senders for event in sender.acknowledged}
    assert Counter((who, event) for who, event, _ in rows) == Counter(sent)
    assert [number for *_, number in rows] == list(range(1, len(sent) + 1))
    sums = database.rows("SELECT dimension, sum(count) FROM event_sums GROUP BY dimension ORDER BY dimension")
    assert [(name, int(count)) for name, count in sums] == [("event", len(sent)), ("event:search:n", len(sent))]
