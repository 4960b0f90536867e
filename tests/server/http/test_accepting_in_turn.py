"""Workers share one listening socket. A worker with few free places lets the others accept first."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from support.application.http_server import CLOSE, all_of, green, until
from support.application.runtimes import PATIENCE_S, EventletRuntime, loop_on

from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.server import HttpServer
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READ_EVENT, Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop

SHARE = 4


class Timers:
    """A runtime whose time passes only when the test moves it."""

    def __init__(self, runtime: EventletRuntime) -> None:
        self._runtime = runtime
        self._calls: list[Callable[[], None]] = []
        self.later: Callable[[float, Callable[[], None]], object] = lambda _, call: self._calls.append(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def pass_time(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call()

    def start(self) -> None:
        """Let time pass by itself from now on."""
        self.later = self._runtime.later
        self.pass_time()


@pytest.fixture
def workers() -> Iterator[SimpleNamespace]:
    """Two workers on one socket. The first is short of places."""
    with loop_on() as runtime, socket.create_server(("127.0.0.1", 0)) as listener:

        def app(environ, start_response) -> list[bytes]:
            start_response("200 OK", [])
            return [environ["worker"]]

        def worker(name: bytes, runtime: Any = runtime) -> HttpServer:
            order = FairQueue(runtime, Poller(runtime))
            return HttpServer(runtime, order, listener.dup(), app, 100, BodyLimits(0), {"worker": name})

        timers = Timers(runtime)
        short, other = worker(b"short", timers), worker(b"other")
        short.start(lambda: SHARE)
        other.start()
        connections: list[green.socket] = []

        def ask(times: int) -> None:
            """Send requests before any worker runs."""
            for _ in range(times):
                sock = socket.create_connection(listener.getsockname())
                sock.sendall(CLOSE)
                connections.append(green.socket(sock))
                connections[-1].settimeout(PATIENCE_S)

        def answered() -> list[bytes]:
            """The workers that answered the requests."""
            answers = [all_of(connection).rpartition(b"\r\n\r\n")[2] for connection in connections]
            connections.clear()
            return answers

        yield SimpleNamespace(short=short, other=other, timers=timers, ask=ask, answered=answered)
        timers.start()
        for opened in (*connections, short, other):
            (opened.leave if isinstance(opened, HttpServer) else opened.close)()


def test_worker_that_is_short_of_places_lets_the_others_accept_first(workers):
    for _ in range(3):
        workers.ask(5)
        workers.timers.soon(partial(workers.short.ready, READ_EVENT))  # the kernel may wake it first
        assert set(workers.answered()) == {b"other"}
        workers.timers.pass_time()
    workers.other.leave()
    until(lambda: workers.other._listener.fileno() < 0)
    workers.timers.start()
    workers.ask(2 * SHARE + 1)
    assert set(workers.answered()) == {b"short"}, "it takes what nobody else does"


def test_worker_accepts_the_fewer_the_fewer_places_are_left():
    loop = ConnectionLoop(SimpleNamespace(start_task=None), SimpleNamespace(), None, 1000, 1000, 1000)
    shares = {}
    for taken in range(1, 1001):
        assert loop.reserve("")
        shares[taken] = loop.share()
    assert [shares[taken] for taken in (1, 899, 900, 999, 1000)] == [None, None, 16, 16, 1000]
