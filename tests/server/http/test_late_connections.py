"""A connection may be idle for a while, and a request may take a while; after that they are ended."""

from __future__ import annotations

import socket
import time
from unittest.mock import Mock

import pytest

from koyjabo.server.http.connection import ANSWERING, IDLE, LINGERING, READING, HttpConnection
from koyjabo.server.http.connections import IDLE_S, LINGER_S, REQUEST_S, Connections


@pytest.mark.parametrize(
    ("state", "most_s"), [(IDLE, IDLE_S), (READING, REQUEST_S), (ANSWERING, REQUEST_S), (LINGERING, LINGER_S)]
)
def test_only_the_late_are_ended(state: int, most_s: float):
    connections, theirs = Connections(10), []
    for for_s in (most_s - 1, most_s + 1):
        ours, other = socket.socketpair()
        connection = HttpConnection(ours, ("127.0.0.1", 1), Mock(forget=connections.discard))
        connection.state, connection.since = state, time.monotonic() - for_s
        connections.add(connection)
        theirs.append(other)
    connections.end_overdue()
    early, late = theirs
    assert late.recv(1) == b""
    with early, pytest.raises(BlockingIOError):
        early.recv(1, socket.MSG_DONTWAIT)


def test_no_part_of_an_answer_waits_until_the_one_before_was_acknowledged():
    """Pages are sent in several pieces; the system would hold back all but the first for 40 ms (RFC 896, RFC 1122)."""
    from koyjabo.server.process.parent import listen

    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as _:
        line, _ = listener.accept()
        with line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
