"""The HTTP server of a worker: accepts connections, runs requests, and leaves without losing any."""

from __future__ import annotations

import _socket
import errno
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from heapq import nsmallest
from operator import attrgetter
from typing import Any, TypeVar
from wsgiref.types import WSGIApplication

from koyjabo.core.runtime import Call, EventLoop, Waiter
from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.connection import ANSWERING, IDLE, LINGERING, READING, HttpConnection
from koyjabo.server.http.request_parser import RequestParser
from koyjabo.server.http.response import StreamedBody, environment, respond, shared_environment
from koyjabo.server.loop.poller import READABLE, Poller
from koyjabo.server.loop.turns import Turns

IDLE_S = 75
"""Longer than the idle time-out of common proxies, so that the proxy closes the connection and not this server."""

REQUEST_S = 60
"""The time limit of a request from its first line to the end of its answer; of a streamed answer, for each piece."""

LINGER_S = 5
"""How long a client may send after the last answer."""

LAST_LINGER_S = 0.5
"""How long it may do so while the server leaves."""

SLOW_S = 5
"""An answer that takes longer counts as waiting for its client."""

PATIENCE_S = 1.0
"""Younger connections are never closed to make room: clients that connect at the same time need a moment to send."""

ENDED_AT_ONCE = 16
"""When there is no room, one in this number of connections is closed."""

PART_OF_A_LINE = 4
"""When there is no room, of this number of connections one network may have one that waits for its turn."""

MOST_READING = 5_000
"""Connections that may have sent a part of a request. Each keeps up to 33 KB of it, while an idle one takes 1.2 KB."""

SEARCH_INTERVAL_S = 0.1
"""The shortest interval between two searches for slow requests, which look at all connections."""


class Connections:
    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[HttpConnection] = set()
        self._lines: dict[str, dict[HttpConnection, None]] = {}  # those that wait for their turn, by network
        self._next_search = 0.0  # monotonic s

    def __iter__(self) -> Iterator[HttpConnection]:
        return iter(self._open)

    def are_busy(self) -> bool:
        """Whether a connection waits for a request or an answer, or its client may still be reading the last one."""
        long_ago = time.monotonic() - LAST_LINGER_S
        return any(each.state != LINGERING or each.since > long_ago for each in self._open)

    def add(self, connection: HttpConnection) -> None:
        self._open.add(connection)

    def discard(self, connection: HttpConnection) -> None:
        self._open.discard(connection)

    def wait(self, connection: HttpConnection, network: str, wait_with: Callable[[Waiter], None]) -> bool:
        """Let the present request wait for its turn among those of this network. False if its connection has ended."""
        line = self._lines.setdefault(network, {})
        line[connection] = None
        try:
            return connection.wait(wait_with)
        finally:
            del line[connection]
            if not line:
                del self._lines[network]

    def are_full(self) -> bool:
        return len(self._open) >= self._most

    def make_room(self) -> bool:
        """Whether one more may be open. When all places are taken, the connections that have kept us waiting longest
        are closed, so that idle and slow clients cannot exclude others; nor can a network whose requests wait for
        each other, which loses the newest ones.
        """
        if self.are_full():
            now = time.monotonic()
            self._end_oldest([each for each in self._open if _waits_for_client(each, now)], self._most)
            if self.are_full():
                self._shorten_longest_line()
        return not self.are_full()

    def _shorten_longest_line(self) -> None:
        line = max(self._lines.values(), key=len, default={})
        if len(line) > self._most // PART_OF_A_LINE:
            for connection in list(line)[-max(1, self._most // ENDED_AT_ONCE) :]:
                connection.end()

    def end_slow_requests(self) -> None:
        """Close connections whose request has been incomplete for longest. Call it when there are MOST_READING."""
        now = time.monotonic()
        if now >= self._next_search:
            self._next_search = now + SEARCH_INTERVAL_S
            self._end_oldest([each for each in self._open if each.state == READING], MOST_READING)

    def _end_oldest(self, waited_for: list[HttpConnection], most: int) -> None:
        long_ago = time.monotonic() - PATIENCE_S
        old = [each for each in waited_for if each.since < long_ago]
        for connection in nsmallest(max(1, most // ENDED_AT_ONCE), old, key=attrgetter("since")):
            connection.end()

    def end_overdue(self) -> None:
        """Close connections that have been idle, or busy with one request, for too long.

        One sweep replaces a timer for each read: timers cost 10 µs a request and do not end a client that sends a byte
        now and then.
        """
        now = time.monotonic()
        limits = {IDLE: IDLE_S, LINGERING: LINGER_S}
        for connection in [each for each in self._open if now - each.since > limits.get(each.state, REQUEST_S)]:
            connection.end()


def _waits_for_client(connection: HttpConnection, now: float) -> bool:
    """Whether the server waits for the client to send a request, its head or its body, or to read the answer."""
    if connection.state == IDLE:
        return not connection.has_received()
    return connection.state != ANSWERING or (connection.has_unsent and now - connection.since > SLOW_S)


OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 0.1
ROOM_S = 0.02
"""The time until it accepts again when there is no room for a connection."""

YIELD_S = 0.02
"""The time for which a worker that is short of places lets the others accept first."""

ON_ITS_WAY_S = 0.25
"""How long a connection may be idle while the server leaves: the request of one that was just accepted or answered may
be on its way.
"""

ACCEPTS_IN_A_ROW = 64
MOST_PARSERS = 64
TICK_S = 0.02

Piece = TypeVar("Piece")


Share = Callable[[], int | None]
"""How many connections a worker that is short of places should accept at once; None while it has enough."""


def everything() -> None:
    """The share of a worker without others."""


class HttpServer:
    def __init__(
        self,
        runtime: EventLoop,
        poller: Poller,
        listener: socket.socket,
        app: WSGIApplication,
        most: int,
        bodies: BodyLimits,
        environ: dict[str, Any],
    ) -> None:
        """`most` is the limit of connections, `bodies` are those of the application, and `environ` is added to the
        environment of each request.
        """
        self.runtime = runtime
        self.poller = poller
        self.is_leaving = False
        self.connections = Connections(most)
        self._listener = listener
        self._app = app
        self._share: Share = everything
        self._bodies = bodies
        self._turns = Turns(runtime, poller)
        more = {**environ, "koyjabo.unhurried": unhurried, "koyjabo.await_turn": self._await_turn}
        self._shared = shared_environment(listener.getsockname(), more)
        self._parsers: list[RequestParser] = []
        self._lent = 0  # parsers of connections
        listener.setblocking(False)

    def start(self, share: Share = everything) -> None:
        """Accept connections: while `share` returns a number, only those that other workers have left for YIELD_S."""
        self._share = share
        self.poller.add(self._listener.fileno(), self, READABLE)

    def ready(self, events: int) -> None:
        """Accept connections. One waits, so others may be closed for it."""
        if not self.connections.make_room():
            self._pause(ROOM_S)
            return
        if self._share() is None:
            self._accept_several(ACCEPTS_IN_A_ROW)
        else:
            self._pause(YIELD_S, self._accept_left_over)

    def failed(self) -> None:
        self._pause(RETRY_S)

    def leave(self, accepts_waiting: bool = True) -> None:
        """Accept no more connections, and close idle ones. A request that has begun to arrive is the last one of its
        connection. `accepts_waiting`: whether connections that wait to be accepted are accepted first, because no other
        process has this listening socket.
        """
        self.is_leaving = True
        self.runtime.soon(partial(self._leave, accepts_waiting))

    def wait_until_answered(self) -> None:
        time.sleep(TICK_S)
        while self.connections.are_busy():
            time.sleep(TICK_S)

    def _leave(self, accepts_waiting: bool) -> None:
        while accepts_waiting and not self.connections.are_full() and self._accept():
            pass
        self.poller.remove(self._listener.fileno())
        self._listener.close()
        long_ago = time.monotonic() - ON_ITS_WAY_S
        for connection in list(self.connections):
            if connection.state != IDLE or connection.since < long_ago:
                connection.leave()
        self.runtime.later(ON_ITS_WAY_S, self._leave_the_rest)

    def _leave_the_rest(self) -> None:
        for connection in list(self.connections):
            connection.leave()

    def _accept_several(self, most: int) -> None:
        for _ in range(most):
            if self.connections.are_full() or not self._accept():
                return

    def _accept_left_over(self) -> None:
        """Accept connections that the other workers have left. Later connections wait for the other workers again."""
        self._go_on()
        if not self.is_leaving:
            self._accept_several(min(self._share() or ACCEPTS_IN_A_ROW, ACCEPTS_IN_A_ROW))

    def _accept(self) -> bool:
        """False if no connection waits, or there is no file for it."""
        try:
            number, peer = self._listener._accept()  # type: ignore[attr-defined]  # as `accept` itself does
        except OSError as error:
            if error.errno in OUT_OF_FILES:
                self._pause(RETRY_S)
            return False
        # `accept` makes a socket of eventlet, the methods of which are Python: 1 µs for each send, and 1 KB
        sock = _socket.socket(self._listener.family, self._listener.type, fileno=number)
        sock.setblocking(False)
        connection = HttpConnection(sock, peer, self)
        self.connections.add(connection)
        self.poller.call(connection, READABLE)  # most clients send at once
        return True

    def _pause(self, seconds: float, then: Call | None = None) -> None:
        self.poller.change(self._listener.fileno(), 0)
        self.runtime.later(seconds, then or self._go_on)

    def _go_on(self) -> None:
        if not self.is_leaving:
            self.poller.change(self._listener.fileno(), READABLE)

    # Called by connections.

    def lend_parser(self) -> RequestParser:
        if self._lent >= MOST_READING:
            self.connections.end_slow_requests()
        self._lent += 1
        return self._parsers.pop() if self._parsers else RequestParser(self._bodies)

    def take_back(self, parser: RequestParser) -> None:
        self._lent -= 1
        parser.begin()
        if len(self._parsers) < MOST_PARSERS:
            self._parsers.append(parser)
        else:
            parser.discard()

    def answer(self, connection: HttpConnection, parser: RequestParser) -> None:
        environ = environment(parser, self._shared, connection.peer)
        environ["koyjabo.connection"] = connection
        if parser.is_streamed:
            environ["wsgi.input"] = StreamedBody(connection.read_body)
        self.runtime.run_request(partial(respond, self._app, environ, connection))

    def forget(self, connection: HttpConnection) -> None:
        self.connections.discard(connection)

    def _await_turn(self, environ: dict[str, Any], network: str) -> bool:
        """Let the present request wait for its turns among those of all networks. False if its client has left
        meanwhile. Middleware finds this function in the WSGI environment as `koyjabo.await_turn`.
        """
        connection: HttpConnection = environ["koyjabo.connection"]
        return self.connections.wait(connection, network, partial(self._turns.begin, network))


def unhurried(environ: dict[str, Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the `pieces` of a long answer, and restart the time limit for each. Handlers find this function in the WSGI
    environment as `koyjabo.unhurried`.

    A piece is requested when the previous one has been written, so a client that keeps reading is never cut off. A
    client that reads less than a piece in REQUEST_S is closed, and after SLOW_S if there is no room for others.
    """
    connection: HttpConnection = environ["koyjabo.connection"]
    for piece in pieces:
        connection.since = time.monotonic()  # after building a piece
        yield piece
        connection.since = time.monotonic()  # after writing it
