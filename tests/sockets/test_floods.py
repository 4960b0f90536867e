"""Floods of registrations and handshakes, on real workers: limits hold, the others are served, nothing is left."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.changed_server import changed_server
from support.line import Line, head
from support.websocket import Lost, WebSocket
from support.workers import only

pytestmark = pytest.mark.waits

ADDRESS, ANOTHER = "203.0.113.7", "203.0.113.8"
LIMIT = 20


def register(port: int, number: int, address: str) -> int:
    """On a connection of its own."""
    body = b'{"visitorId": "visitor%d"}' % number
    lines = head("POST", "/api/visitor/register", f"Content-Length: {len(body)}", f"X-Forwarded-For: {address}")
    with Line(port) as line:
        return line.send(lines + body).answer().status


def test_workers_share_a_limit(sqlite_database, redis_server, new_server):
    server = new_server(
        sqlite_database,
        WEB_CONCURRENCY=2,
        REDIS_URL=redis_server.url,
        TRUSTED_PROXIES=1,
        RATE_LIMIT_REGISTRATIONS=LIMIT,
    ).start()
    statuses: Counter[int] = Counter()
    for worker in server.workers():
        with only(server, worker):
            statuses.update(register(server.port, number, ADDRESS) for number in range(LIMIT))
    assert statuses == {200: LIMIT, 429: LIMIT}
    assert server.stats().total == LIMIT
    assert register(server.port, 0, ANOTHER) == 200


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {"RATE_LIMIT_HANDSHAKES": LIMIT, "RATE_LIMIT_TABS": 3}
    with changed_server(tmp_path_factory.mktemp("server"), TRUSTED_PROXIES=1, **settings) as server:
        assert register(server.port, 0, ANOTHER) == 200
        server.resident()  # nothing is loaded any more
        yield server


def test_of_many_tabs_at_once_as_many_stay_as_may(server):
    def open_tab(number: int) -> tuple[WebSocket, bool]:
        client = WebSocket(server.port, "X-Forwarded-For: 198.51.100.1", path="/?visitorId=visitor0")
        try:
            return client, client.is_answered()
        except (Lost, AssertionError):  # it was closed instead
            return client, False

    with ThreadPoolExecutor(12) as pool:
        tabs = list(pool.map(open_tab, range(24)))
    assert sum(is_open for _, is_open in tabs) == 3
    for client, _ in tabs:
        client.end()
    server.wait_until_held(sockets=0)
