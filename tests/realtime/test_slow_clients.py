"""Clients take all HTTP places and send nothing, or one byte at a time. Other clients are still served, and nothing is
left behind (RFC 9112, 9.5 and 9.8 allow a server to close idle connections).
"""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import count

import pytest
from support.clients.connection import Connection, head
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import changed_server

PLACES = 32
SLOW = 3 * PLACES
OTHERS = 6
SLOW_S, PATIENCE_S = 3.0, 0.3
REGISTER = "/api/visitor/register"
CHANGES = {
    "koyjabo.server.process.worker.MIN_REQUESTS": PLACES,
    "koyjabo.server.http.server.SLOW_S": SLOW_S,
    "koyjabo.server.http.server.PATIENCE_S": PATIENCE_S,
}

numbers = count()

BEGINNINGS = {
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: a",
    "half a body": head("POST", REGISTER, "Content-Length: 1000") + b'{"visitorId": "',
    "half a chunk": head("POST", REGISTER, "Transfer-Encoding: chunked") + b'100\r\n{"visitorId": "',
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with few places for HTTP, and as many for WebSockets."""
    with changed_server(tmp_path_factory.mktemp("server"), CHANGES, MAX_CONNECTIONS=PLACES) as server:
        assert is_served(server)  # its database is open
        yield server


@pytest.fixture
def slow(server):
    """`slow(beginning)` connects clients that send `beginning`; `drip` sends one more byte for each of them."""
    made: list[socket.socket] = []
    sockets = open_sockets(server.worker)

    def connect(beginning: bytes, clients: int = SLOW, receive_buffer: int | None = None) -> list[socket.socket]:
        for _ in range(clients):
            client = socket.socket()
            if receive_buffer is not None:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.connect(("127.0.0.1", server.port))
            made.append(client)
            client.sendall(beginning)
        return made

    yield connect
    for client in made:
        client.close()
    wait_until(lambda: open_sockets(server.worker) <= sockets, "their sockets are closed")


def drip(clients: list[socket.socket]) -> None:
    for client in clients:
        with suppress(OSError):  # already closed
            client.send(b"a")


def is_served(server) -> bool:
    """Whether a new visitor gets a response and is counted."""
    before = total(server)
    with Connection(server.port) as connection:
        registered = connection.send_visit(f"visitor-{next(numbers)}").answer()
    return registered.status == 200 and total(server) == before + 1


def total(server) -> int:
    """The total, read on a new connection, because a kept one may have been closed to make room."""
    with Connection(server.port) as connection:
        return connection.ask("GET", "/api/stats").json["totalVisitors"]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_other_addresses_are_served_while_connections_run_out(server, slow, beginning):
    clients = slow(BEGINNINGS[beginning])
    for _ in range(OTHERS):
        drip(clients)
        assert is_served(server)
    assert server.worker.num_fds() < PLACES + 64


def test_clients_that_do_not_read_responses_keep_no_others_out(server, slow):
    asked = head("GET", "/openapi.json") * 50
    slow(asked, PLACES, receive_buffer=2048)
    for _ in range(OTHERS):
        assert is_served(server)


def test_connection_in_use_is_not_closed_first(server, slow):
    """The connections that have been silent longest are closed first."""
    with Connection(server.port) as connection:
        for _ in range(3):
            slow(BEGINNINGS["half a head"], PLACES // 4)
            assert connection.ask("GET", "/healthz").status == 200
