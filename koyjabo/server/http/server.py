"""The HTTP server of a worker: accepts connections, runs requests, and leaves without losing any."""

from __future__ import annotations

import _socket
import errno
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from wsgiref.types import WSGIApplication

from koyjabo.core.runtime import Call, EventLoop
from koyjabo.server.http.body_limits import BodyLimits
from koyjabo.server.http.connection import IDLE, HttpConnection
from koyjabo.server.http.connections import MOST_READING, Connections
from koyjabo.server.http.environment import StreamedBody, environment, shared_environment
from koyjabo.server.http.request_parser import RequestParser
from koyjabo.server.http.response import respond
from koyjabo.server.loop.poller import READABLE, Poller
from koyjabo.server.loop.turns import Turns

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
