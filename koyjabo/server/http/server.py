"""A worker's HTTP server: accepts connections, runs requests, and stops without losing any."""

import _socket
import errno
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from wsgiref.types import WSGIApplication

from koyjabo.base.core.runtime import Call, EventLoop
from koyjabo.base.network.client_address import customer, is_loopback, neighbourhood
from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import READ_EVENT
from .body_limits import BodyLimits
from .connection import STATE_IDLE, HttpConnection
from .connections import MAX_READING_CONNECTIONS, Connections
from .environment import environment, shared_environment
from .refused import ALLOW_ANY_ORIGIN
from .request_parser import RequestParser
from .response import respond

OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
ACCEPT_RETRY_S = 0.1

FULL_PAUSE_S = 0.02
"""How long the worker stops accepting if there is no room for a connection, s."""

YIELD_S = 0.02
"""How long a worker with few free places lets the other workers accept first, s."""

ON_ITS_WAY_S = 0.25
"""How long a connection may be idle while the server stops, s. A request may be on its way on a connection that was
just accepted or used.
"""

ACCEPTS_IN_A_ROW = 64
MAX_PARSERS = 64
DRAIN_TICK_S = 0.02
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
        self.cors: Callable[[str], bytes] = lambda origin: ALLOW_ANY_ORIGIN
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
        self.poller.add(self._listener.fileno(), self, READ_EVENT)

    network = ""

    def ready(self, events: int) -> None:
        """Accept connections. At least one is waiting, so others may be closed to make room."""
        if not self.connections.make_space():
            self._pause(FULL_PAUSE_S)
            return
        if self._share() is None:
            self._accept_several(ACCEPTS_IN_A_ROW)
        else:
            self._pause(YIELD_S, self._accept_left_over)

    def failed(self) -> None:
        self._pause(ACCEPT_RETRY_S)

    def leave(self, accepts_waiting: bool = True) -> None:
        """Accept no more connections, and close idle ones. If a request has begun to arrive, it is the last one on its
        connection. With `accepts_waiting`, first accept the connections that are waiting, because no other process
        has this socket.
        """
        self.is_leaving = True
        self.runtime.soon(partial(self._leave, accepts_waiting))

    def wait_until_answered(self) -> None:
        time.sleep(DRAIN_TICK_S)
        while self.connections.are_busy():
            time.sleep(DRAIN_TICK_S)

    def _leave(self, accepts_waiting: bool) -> None:
        while accepts_waiting and not self.connections.are_full() and self._accept():
            pass
        self.poller.remove(self._listener.fileno())
        self._listener.close()
        long_ago = time.monotonic() - ON_ITS_WAY_S
        for connection in list(self.connections):
            if connection.state != STATE_IDLE or connection.since < long_ago:
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
                self._pause(ACCEPT_RETRY_S)
            return False
        # `accept` would make an eventlet socket, whose methods are Python code: 1 µs per send, and 1 KB.
        sock = _socket.socket(self._listener.family, self._listener.type, fileno=number)
        sock.setblocking(False)
        connection = HttpConnection(sock, peer, self)
        self.connections.add(connection)
        self.poller.call(connection, READ_EVENT)  # most clients send at once
        return True

    def _pause(self, seconds: float, then: Call | None = None) -> None:
        self.poller.change(self._listener.fileno(), 0)
        self.runtime.later(seconds, then or self._go_on)

    def _go_on(self) -> None:
        if not self.is_leaving:
            self.poller.change(self._listener.fileno(), READ_EVENT)

    # Methods that connections call

    def network_of(self, peer: str, client: str) -> str:
        """The network that a connection's events count towards: of the peer, or of the `client` in the head of its
        request if it may carry any client's requests. "" before the head of such a request.
        """
        if self._bodies.proxies or is_loopback(peer):
            return client and customer(client)
        return customer(neighbourhood(peer))

    def lend_parser(self) -> RequestParser:
        if self._lent >= MAX_READING_CONNECTIONS:
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
    client that reads less than one piece within REQUEST_S is disconnected, or within SLOW_RESPONSE_S if there is no
    room for other clients.
    """
    connection: HttpConnection = environ["koyjabo.connection"]
    for piece in pieces:
        connection.since = time.monotonic()  # after building a piece
        yield piece
        connection.since = time.monotonic()  # after writing it
