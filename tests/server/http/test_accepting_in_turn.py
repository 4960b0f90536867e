"""Workers share one listening socket, and one that is short of places lets the others accept first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from support.application.http_server import CLOSE, all_of, ask, until
from support.application.runtimes import loop_on

from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.server import HttpServer
from koyjabo.server.loop.poller import Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop

SHARE = 4


@pytest.fixture
def workers() -> Iterator[SimpleNamespace]:
    """Two on one socket, of which the first is short of places."""
    with loop_on() as runtime, socket.create_server(("127.0.0.1", 0)) as listener:

        def app(environ, start_response) -> list[bytes]:
            start_response("200 OK", [])
            return [environ["worker"]]

        def worker(name: bytes) -> HttpServer:
            return HttpServer(runtime, Poller(runtime), listener.dup(), app, 100, BodyLimits(0), {"worker": name})

        short, other = worker(b"short"), worker(b"other")
        short.start(lambda: SHARE)
        other.start()
        connections: list[socket.socket] = []

        def answered(times: int) -> list[bytes]:
            """Who has answered requests that were sent at once."""
            asked = [ask(listener, connections, CLOSE) for _ in range(times)]
            return [all_of(each).rpartition(b"\r\n\r\n")[2] for each in asked]

        yield SimpleNamespace(short=short, other=other, answered=answered)
        for each in (*connections, short, other):
            (each.leave if isinstance(each, HttpServer) else each.close)()


def test_worker_that_is_short_of_places_lets_the_others_accept_first(workers):
    for _ in range(3):
        assert set(workers.answered(5)) == {b"other"}
    workers.other.leave()
    until(lambda: workers.other._listener.fileno() < 0)
    assert set(workers.answered(2 * SHARE + 1)) == {b"short"}, "it takes what nobody else does"


def test_worker_accepts_the_fewer_the_fewer_places_are_left():
    loop = ConnectionLoop(SimpleNamespace(start_task=None), SimpleNamespace(), 1000, 1000, 1000)
    shares = {}
    for taken in range(1, 1001):
        assert loop.reserve("")
        shares[taken] = loop.share()
    assert [shares[taken] for taken in (1, 899, 900, 999, 1000)] == [None, None, 16, 16, 1000]
