"""Idle connections cost little, may all send at once, and are closed after a while. Workers accept in turn."""

import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from http_server import CLOSE, all_of, green, until
from support.application.runtimes import PATIENCE_S, EventletRuntime, loop_on
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import changed_server

from koyjabo.server.http import connections as module
from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.connection import STATE_IDLE, STATE_LINGERING, STATE_READING, STATE_RESPONDING, HttpConnection
from koyjabo.server.http.connections import LINGER_S, MAX_IDLE_TIME_S, REQUEST_S, YOUNG_CONNECTION_S, Connections
from koyjabo.server.http.server import HttpServer
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READ_EVENT, Poller
from koyjabo.server.process.listening_socket import bind
from koyjabo.server.websockets.connection_loop import ConnectionLoop

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
AT_ONCE = 100  # Connections opened at a time: fewer than the listen backlog
MAX_BYTES = 2_000  # memory that the worker may allocate for each idle connection
ANSWER_S = 60


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_idle_connections_cost_little_memory_and_may_all_send_at_once(many_files, tmp_path):
    count = 4 * AT_ONCE
    with changed_server(tmp_path, MAX_CONNECTIONS=count + 1) as server:
        server.resident()  # wait until everything is loaded
        server.allocated()
        with ExitStack() as opened:
            connections: list[socket.socket] = []
            while len(connections) < count:
                address = ("127.0.0.1", server.port)
                new = [opened.enter_context(socket.create_connection(address)) for _ in range(AT_ONCE)]
                assert answers(new) == AT_ONCE
                connections += new
                if len(connections) == AT_ONCE:  # the first ones fill shared caches
                    before = server.allocated()
            # The worker's own tasks also allocate: wait until they are done, and share the rest among many connections.
            wait_until(lambda: (server.allocated() - before) / (count - AT_ONCE) < MAX_BYTES, "each costs little")
            assert answers(connections) == count
            assert answers(connections) == count  # and they stay open
        wait_until(lambda: open_sockets(server.worker) < count // 10, "the server has closed them, too")


def answers(connections: list[socket.socket]) -> int:
    """Send a request on all connections. Returns how many get 200."""
    answered = 0
    with select.epoll() as poller:
        by_number = {connection.fileno(): connection for connection in connections}
        for connection in connections:
            connection.sendall(REQUEST)
            poller.register(connection, select.EPOLLIN | select.EPOLLONESHOT)
        while by_number:
            ready = poller.poll(ANSWER_S, 1000)
            assert ready, f"{len(by_number)} of {len(connections)} were not answered in {ANSWER_S} s"
            for number, _ in ready:
                answered += by_number.pop(number).recv(4096).startswith(b"HTTP/1.1 200 ")
    return answered


FEW = 16
SLOW = REQUEST[:-2] + b"X-Slow: "
SMALL = {f"koyjabo.server.http.{name}.MAX_READING_CONNECTIONS": FEW for name in ("connections", "server")}


def test_a_slow_request_is_closed_before_an_idle_connection_to_make_room(tmp_path):
    with changed_server(tmp_path, SMALL) as server, ExitStack() as opened:

        def connect(sent: bytes) -> socket.socket:
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_S))
            connection.sendall(sent)
            return connection

        begun = time.monotonic()
        idle = connect(REQUEST)
        assert idle.recv(4096)
        slow = [connect(SLOW) for _ in range(FEW)]

        def one_has_given_way() -> bool:
            assert connect(REQUEST).recv(4096).startswith(b"HTTP/1.1 200 ")
            for connection in slow:
                connection.sendall(b"a")
            return bool(select.select(slow, [], [], 0)[0])

        wait_until(one_has_given_way, "a request that does not go on is closed for another")
        assert time.monotonic() - begun >= YOUNG_CONNECTION_S
        idle.sendall(REQUEST)
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
        for connection in slow:
            with suppress(ConnectionError):
                connection.sendall(b"\r\n\r\n")
        assert [connection.recv(4096) for connection in slow].count(b"") == 1


@pytest.mark.parametrize(
    ("state", "most_s"),
    [
        (STATE_IDLE, MAX_IDLE_TIME_S),
        (STATE_READING, REQUEST_S),
        (STATE_RESPONDING, REQUEST_S),
        (STATE_LINGERING, LINGER_S),
    ],
)
def test_a_connection_that_is_late_is_closed(state: int, most_s: float, monkeypatch):
    connections, theirs = Connections(10), []
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    for for_s in (most_s - 1, most_s + 1):
        ours, other = socket.socketpair()
        connection = HttpConnection(ours, ("127.0.0.1", 1), Mock(forget=connections.discard))
        connection.state, connection.since = state, 1000 - for_s
        connections.add(connection)
        theirs.append(other)
    connections.end_overdue()
    early, late = theirs
    assert late.recv(1, socket.MSG_DONTWAIT) == b""
    with early, pytest.raises(BlockingIOError):
        early.recv(1, socket.MSG_DONTWAIT)


def test_parts_of_a_response_do_not_wait_for_acknowledgements():
    """With Nagle's algorithm (RFC 896), all pieces but the first would wait 40 ms."""
    listener = bind("127.0.0.1", 0)
    listener.listen()
    with listener.socket as server, socket.create_connection(server.getsockname()):
        connection, _ = server.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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


def test_a_nearly_full_worker_accepts_only_connections_that_no_other_worker_takes():
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


def test_a_worker_accepts_fewer_connections_as_it_fills_up():
    loop = ConnectionLoop(SimpleNamespace(start_task=None), SimpleNamespace(), None, 1000, 1000, 1000)
    shares = {}
    for taken in range(1, 1001):
        assert loop.reserve("")
        shares[taken] = loop.share()
    assert [shares[taken] for taken in (1, 899, 900, 999, 1000)] == [None, None, 16, 16, 1000]
