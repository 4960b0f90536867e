"""Workers share one listening socket, and one that is short of places lets the others accept first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from support.application.http_server import CLOSE, all_of, ask, until
from support.application.runtimes import loop_on

from koyjabo.server.http.server import ACCEPTS_WHEN_SHORT, HttpServer
from koyjabo.server.loop.poller import Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop


@pytest.fixture
def workers() -> Iterator[SimpleNamespace]:
    """Two on one socket, of which the first is short of places."""
    with loop_on() as runtime, socket.create_server(("127.0.0.1", 0)) as listener:

        def app(environ, start_response) -> list[bytes]:
            start_response("200 OK", [])
            return [environ["worker"]]

        def worker(name: bytes) -> HttpServer:
            return HttpServer(runtime, Poller(runtime), listener.dup(), app, 100, 0, {"worker": name})

        short, other = worker(b"short"), worker(b"other")
        short.start(lambda: True)
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
    assert set(workers.answered(2 * ACCEPTS_WHEN_SHORT + 1)) == {b"short"}, "it takes what nobody else does"


def test_worker_is_short_of_places_when_a_tenth_is_left():
    loop = ConnectionLoop(SimpleNamespace(start_task=None), SimpleNamespace(), 20, 20, 20)
    seen = []
    for _ in range(20):
        assert loop.reserve("")
        seen.append(loop.is_short_of_places())
    assert (seen.count(False), seen[17:]) == (17, [True] * 3)
