"""A connection may be idle for a while, and a request may take a while; after that they are ended."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from koyjabo.server.http.connection import ANSWERING, IDLE, LINGERING, READING, HttpConnection
from koyjabo.server.http.connections import IDLE_S, LINGER_S, REQUEST_S, Connections

pytestmark = pytest.mark.waits

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.2)
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("state", "for_s", "is_ended"),
    [
        (IDLE, IDLE_S - 1, False),
        (IDLE, IDLE_S + 1, True),
        (READING, REQUEST_S - 1, False),
        (READING, REQUEST_S + 1, True),
        (ANSWERING, REQUEST_S - 1, False),
        (ANSWERING, REQUEST_S + 1, True),
        (LINGERING, LINGER_S - 1, False),
        (LINGERING, LINGER_S + 1, True),
    ],
)
def test_only_the_late_are_ended(pair: Pair, state: int, for_s: float, is_ended: bool):
    ours, theirs = pair
    connections = Connections(10)
    connection = HttpConnection(ours, ("127.0.0.1", 1), Mock(forget=connections.discard))
    connection.state, connection.since = state, time.monotonic() - for_s
    connections.add(connection)
    connections.end_overdue()
    if is_ended:
        assert theirs.recv(1) == b""
    else:
        with pytest.raises(TimeoutError):
            theirs.recv(1)


def test_no_part_of_an_answer_waits_until_the_one_before_was_acknowledged():
    """Pages are sent in several pieces; the system would hold back all but the first for 40 ms (RFC 896, RFC 1122)."""
    from koyjabo.server.process.parent import listen

    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as _:
        line, _ = listener.accept()
        with line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
