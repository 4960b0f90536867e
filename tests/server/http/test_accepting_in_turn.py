"""Workers share one listening socket. A worker with few free places lets the others accept first."""

import socket
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from http_server import CLOSE, all_of, green, until
from support.application.runtimes import PATIENCE_S, EventletRuntime, loop_on

from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.server import HttpServer
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READ_EVENT, Poller
from koyjabo.server.websockets.connection_loop import ConnectionLoop

SHARE = 4


class PausedTimers:
    """A runtime whose timers end only when the test says so."""

    def __init__(self, runtime: EventletRuntime) -> None:
        self._runtime = runtime
        self._calls: list[Callable[[], None]] = []
        self.later: Callable[[float, Callable[[], None]], object] = lambda _, call: self._calls.append(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)

    def start(self) -> None:
        """Let time pass from now on."""
        self.later = self._runtime.later
        for call in self._calls:
            call()


def test_a_worker_that_is_short_of_places_accepts_only_the_connections_that_no_other_worker_takes():
    def app(environ, start_response) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["worker"]]

    with loop_on() as runtime, socket.create_server(("127.0.0.1", 0)) as listener:

        def worker(name: bytes, runtime: Any) -> HttpServer:
            order = FairQueue(runtime, Poller(runtime))
            return HttpServer(runtime, order, listener.dup(), app, 100, BodyLimits(0), {"worker": name})

        def workers_that_respond(count: int) -> set[bytes]:
            """Send `count` requests before any worker runs."""
            connections = []
            for _ in range(count):
                connections.append(green.socket(socket.create_connection(listener.getsockname())))
                connections[-1].settimeout(PATIENCE_S)
                connections[-1].sendall(CLOSE)
            answers = {all_of(connection).rpartition(b"\r\n\r\n")[2] for connection in connections}
            for connection in connections:
                connection.close()
            return answers

        timers = PausedTimers(runtime)
        short, other = worker(b"short", timers), worker(b"other", runtime)
        short.start(lambda: SHARE)
        other.start()
        timers.soon(partial(short.ready, READ_EVENT))  # the kernel may wake it first
        assert workers_that_respond(5) == {b"other"}
        other.leave()
        until(lambda: other._listener.fileno() < 0)
        timers.start()
        assert workers_that_respond(2 * SHARE + 1) == {b"short"}
        short.leave()


def test_a_worker_accepts_fewer_connections_the_fewer_places_are_left():
    loop = ConnectionLoop(SimpleNamespace(start_task=None), SimpleNamespace(), None, 1000, 1000, 1000)
    shares = {}
    for taken in range(1, 1001):
        assert loop.reserve("")
        shares[taken] = loop.share()
    assert [shares[taken] for taken in (1, 899, 900, 999, 1000)] == [None, None, 16, 16, 1000]
