"""Idle connections cost next to nothing, and all of them may send at once."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.changed_server import changed_server
from support.processes import open_sockets, wait_until

from koyjabo.server.http.connections import PATIENCE_S

pytestmark = pytest.mark.waits

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
AT_ONCE = 500
"""Connections that are opened before the next are: fewer than wait for `accept`."""

MOST_BYTES = 2_000
"""That the worker has allocated for each idle connection."""

ANSWER_S = 60


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_idle_connections_cost_little_and_are_answered_when_they_all_send(many_files, tmp_path):
    count = 3 * AT_ONCE
    with changed_server(tmp_path, MAX_CONNECTIONS=count + 1) as server:
        server.resident()  # nothing is loaded any more
        server.allocated()
        with ExitStack() as opened:
            lines: list[socket.socket] = []
            while len(lines) < count:
                address = ("127.0.0.1", server.port)
                new = [opened.enter_context(socket.create_connection(address)) for _ in range(AT_ONCE)]
                assert answers(new) == AT_ONCE
                lines += new
                if len(lines) == AT_ONCE:  # the first ones fill what is kept for all
                    before = server.allocated()
            assert (server.allocated() - before) / (count - AT_ONCE) < MOST_BYTES
            assert answers(lines) == count
            assert answers(lines) == count  # and stay open
        wait_until(lambda: open_sockets(server.worker) < count // 10, "the server has closed them, too")


def answers(lines: list[socket.socket]) -> int:
    """How many of them are answered 200 after all have sent a request."""
    found = 0
    with select.epoll() as poller:
        by_number = {line.fileno(): line for line in lines}
        for line in lines:
            line.sendall(REQUEST)
            poller.register(line, select.EPOLLIN | select.EPOLLONESHOT)
        while by_number:
            ready = poller.poll(ANSWER_S, 1000)
            assert ready, f"{len(by_number)} of {len(lines)} were not answered in {ANSWER_S} s"
            for number, _ in ready:
                found += by_number.pop(number).recv(4096).startswith(b"HTTP/1.1 200 ")
    return found


FEW = 16
SMALL = {f"koyjabo.server.http.{module}.MOST_READING": FEW for module in ("server", "connections")}


def test_requests_that_do_not_go_on_give_way_and_idle_connections_do_not(tmp_path):
    with changed_server(tmp_path, SMALL) as server, ExitStack() as opened:

        def connect(sent: bytes) -> socket.socket:
            line = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_S))
            line.sendall(sent)
            return line

        begun = time.monotonic()
        idle = connect(REQUEST)
        assert idle.recv(4096)
        slow = [connect(REQUEST[:-1]) for _ in range(FEW)]

        def one_has_given_way() -> bool:
            assert connect(REQUEST).recv(4096).startswith(b"HTTP/1.1 200 ")
            return bool(select.select(slow, [], [], 0)[0])

        wait_until(one_has_given_way, "a request that does not go on is closed for another")
        assert time.monotonic() - begun >= PATIENCE_S
        idle.sendall(REQUEST)
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
        for line in slow:
            line.sendall(REQUEST[-1:])
        assert [line.recv(4096) for line in slow].count(b"") == 1
