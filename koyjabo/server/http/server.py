"""A worker's HTTP server: accepts connections, runs requests, and stops without losing any."""

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

from koyjabo.base.core.runtime import Call, EventLoop, Waiter
from koyjabo.base.network.client_address import customer, is_loopback, neighbourhood
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READABLE
from .body_limits import BodyLimits
from .connection import IDLE, LINGERING, READING, RESPONDING, HttpConnection
from .request_parser import ANY_ORIGIN, RequestParser
from .response import environment, respond, shared_environment

IDLE_S = 130
"""How long a connection may be idle, s. Proxies wait for less by default, so that they send no request into a closed
connection: nginx 60 s, Go, Traefik and Heroku 90 s, Caddy 120 s.
"""

REQUEST_S = 60
"""Time limit for a request, s: from its first line to the end of its response or, in a streamed response, for each
piece.
"""

LINGER_S = 5
"""How long a client may keep sending after the last response, s."""

LAST_LINGER_S = 0.5
"""The same limit while the server is stopping, s."""

SLOW_S = 5
"""A response that takes longer than this counts as waiting for its client, s."""

PATIENCE_S = 1.0
"""Connections younger than this are never closed to make room, s, because clients that connect at the same time need
time to send.
"""

ENDED_AT_ONCE = 16
"""If all connections are in use, one in this many is closed to make room."""

QUEUE_DIVISOR = 4
"""If all connections are in use, at most a quarter of them may be in one network's queue."""

MAX_READING = 5_000
"""Maximum number of connections with an incomplete request. Such a connection takes up to 33 KB, an idle one 1.2 KB."""

SEARCH_INTERVAL_S = 0.1
"""Minimum interval between searches for slow requests, s. A search looks at all connections."""


class Connections:
    def __init__(self, most: int) -> None:
        self._most = most
        self._open: set[HttpConnection] = set()
        self._queues: dict[str, dict[HttpConnection, None]] = {}  # connections waiting for a slot, by network
        self._next_search = 0.0  # monotonic s

    def __iter__(self) -> Iterator[HttpConnection]:
        return iter(self._open)

    def are_busy(self) -> bool:
        """Whether any connection waits for a request or a response, or its client may still be reading."""
        long_ago = time.monotonic() - LAST_LINGER_S
        return any(connection.state != LINGERING or connection.since > long_ago for connection in self._open)

    def add(self, connection: HttpConnection) -> None:
        self._open.add(connection)

    def discard(self, connection: HttpConnection) -> None:
        self._open.discard(connection)

    def wait(self, connection: HttpConnection, network: str, wait_with: Callable[[Waiter], None]) -> bool:
        """Wait for a slot for the current request, in its network's queue. Returns False if its connection
        has ended.
        """
        queue = self._queues.setdefault(network, {})
        queue[connection] = None
        try:
            return connection.wait(wait_with)
        finally:
            del queue[connection]
            if not queue:
                del self._queues[network]

    def are_full(self) -> bool:
        return len(self._open) >= self._most

    def make_room(self) -> bool:
        """Make room for one more connection. Returns whether there is room.

        If all connections are in use, this closes the ones that have kept the server waiting longest, so that idle and
        slow clients cannot exclude others. A network with a long queue loses its newest requests.
        """
        if self.are_full():
            now = time.monotonic()
            self._end_oldest([client for client in self._open if _waits_for_client(client, now)], self._most)
            if self.are_full():
                self._shorten_longest_queue()
        return not self.are_full()

    def _shorten_longest_queue(self) -> None:
        queue = max(self._queues.values(), key=len, default={})
        if len(queue) > self._most // QUEUE_DIVISOR:
            for connection in list(queue)[-max(1, self._most // ENDED_AT_ONCE) :]:
                connection.end()

    def end_slow_requests(self) -> None:
        """Close the connections whose requests have been incomplete the longest. Call this when MAX_READING is
        reached.
        """
        now = time.monotonic()
        if now >= self._next_search:
            self._next_search = now + SEARCH_INTERVAL_S
            self._end_oldest([connection for connection in self._open if connection.state == READING], MAX_READING)

    def _end_oldest(self, waited_for: list[HttpConnection], most: int) -> None:
        long_ago = time.monotonic() - PATIENCE_S
        old = [connection for connection in waited_for if connection.since < long_ago]
        for connection in nsmallest(max(1, most // ENDED_AT_ONCE), old, key=attrgetter("since")):
            connection.end()

    def end_overdue(self) -> None:
        """Close connections that have been idle, or busy with one request, for too long. Called regularly, because a
        timer per read would cost 10 µs per request, and would not stop a client that sends a byte now and then.
        """
        now = time.monotonic()
        limits = {IDLE: IDLE_S, LINGERING: LINGER_S}
        overdue = [client for client in self._open if now - client.since > limits.get(client.state, REQUEST_S)]
        for connection in overdue:
            connection.end()


def _waits_for_client(connection: HttpConnection, now: float) -> bool:
    """Whether the server waits for the client, either to send a request or to read the response."""
    if connection.state == IDLE:
        return not connection.has_received()
    return connection.state != RESPONDING or (connection.has_unsent and now - connection.since > SLOW_S)


OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 0.1
ROOM_S = 0.02
"""How long the worker stops accepting if there is no room for a connection, s."""

YIELD_S = 0.02
"""How long a worker with few free places lets the other workers accept first, s."""

ON_ITS_WAY_S = 0.25
"""How long a connection may be idle while the server stops, s. A request may be on its way on a connection that was
just accepted or used.
"""

ACCEPTS_IN_A_ROW = 64
MAX_PARSERS = 64
TICK_S = 0.02

Piece = TypeVar("Piece")


Share = Callable[[], int | None]
"""Returns how many connections to accept at once, for a worker that is running out of places; None if it has enough."""


def everything() -> None:
    """The share of a server's only worker: no limit."""


class HttpServer:
    def __init__(
        self,
        runtime: EventLoop,
        fair_queue: FairQueue,
        listener: socket.socket,
        app: WSGIApplication,
        most: int,
        bodies: BodyLimits,
        environ: dict[str, Any],
    ) -> None:
        """`most` is the maximum number of connections. `bodies` has the application's limits. `environ` is added to
        the environment of each request.
        """
        self.runtime = runtime
        self.poller = fair_queue.poller
        self.is_leaving = False
        self.cors: Callable[[str], bytes] = lambda origin: ANY_ORIGIN
        """Returns the headers that let a page of an origin read a refusal, which the application does not see."""

        self.connections = Connections(most)
        self._listener = listener
        self._app = app
        self._share: Share = everything
        self._bodies = bodies
        self._fair_queue = fair_queue
        more = {**environ, "koyjabo.unhurried": unhurried, "koyjabo.await_slot": self._await_slot}
        self._shared = shared_environment(listener.getsockname(), more)
        self._parsers: list[RequestParser] = []
        self._lent = 0  # number of parsers that connections are using
        listener.setblocking(False)

    def start(self, share: Share = everything) -> None:
        """Start accepting connections. While `share` returns a number, leave each connection to the other workers for
        YIELD_S first.
        """
        self._share = share
        self.poller.add(self._listener.fileno(), self, READABLE)

    network = ""

    def ready(self, events: int) -> None:
        """Accept connections. At least one is waiting, so others may be closed to make room."""
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
        """Accept no more connections, and close idle ones. If a request has begun to arrive, it is the last one on its
        connection. With `accepts_waiting`, first accept the connections that are waiting, because no other process
        has this socket.
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
        """Accept the connections that the other workers have left, and leave the next connections to those workers
        first.
        """
        self._go_on()
        if not self.is_leaving:
            self._accept_several(min(self._share() or ACCEPTS_IN_A_ROW, ACCEPTS_IN_A_ROW))

    def _accept(self) -> bool:
        """Accept one connection. Returns False if none is waiting, or if no file descriptor is free."""
        try:
            number, peer = self._listener._accept()  # type: ignore[attr-defined]  # as `accept` itself does
        except OSError as error:
            if error.errno in OUT_OF_FILES:
                self._pause(RETRY_S)
            return False
        # `accept` would make an eventlet socket, whose methods are Python code: 1 µs per send, and 1 KB.
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

    # Methods that connections call

    def network_of(self, peer: str) -> str:
        """The network that a connection's events count towards; "" if it may carry any client's requests."""
        return "" if self._bodies.proxies or is_loopback(peer) else customer(neighbourhood(peer))

    def lend_parser(self) -> RequestParser:
        if self._lent >= MAX_READING:
            self.connections.end_slow_requests()
        self._lent += 1
        return self._parsers.pop() if self._parsers else RequestParser(self._bodies)

    def take_back(self, parser: RequestParser) -> None:
        self._lent -= 1
        parser.begin()
        if len(self._parsers) < MAX_PARSERS:
            self._parsers.append(parser)
        else:
            parser.discard()

    def respond(self, connection: HttpConnection, parser: RequestParser) -> None:
        environ = environment(parser, self._shared, connection.peer)
        environ["koyjabo.connection"] = connection
        self.runtime.run_request(partial(respond, self._app, environ, connection))

    def forget(self, connection: HttpConnection) -> None:
        self.connections.discard(connection)

    def _await_slot(self, environ: dict[str, Any], network: str) -> bool:
        """Wait for a slot in the fair queue for the current request. Returns False if its client has disconnected.
        Middleware finds this function in the WSGI environment as `koyjabo.await_slot`.
        """
        connection: HttpConnection = environ["koyjabo.connection"]
        return self.connections.wait(connection, network, partial(self._fair_queue.begin, network))


def unhurried(environ: dict[str, Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the `pieces` of a long response, and restart the time limit with each one. Available in the WSGI
    environment as `koyjabo.unhurried`.

    The next piece is requested once the previous one has been sent, so a client that keeps reading is never cut off. A
    client that reads less than one piece within REQUEST_S is disconnected, or within SLOW_S if there is no room for
    other clients.
    """
    connection: HttpConnection = environ["koyjabo.connection"]
    for piece in pieces:
        connection.since = time.monotonic()  # after building a piece
        yield piece
        connection.since = time.monotonic()  # after writing it
