"""The HTTP connections of a worker: accepts them, and closes idle and slow ones.

It relies on eventlet representing a connection as a list of address, socket and state and passing it to the pool, on
the names of the states, and on the length and position attributes of an input (0.41.3, pinned).
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from heapq import nsmallest
from operator import itemgetter
from typing import Any, TypeVar

import eventlet
from eventlet import wsgi
from eventlet.greenio import GreenSocket

SOCKET, STATE, SINCE, BODY = 1, 2, 3, 4
CLOSED, LAST = "closed", "last"
"""Marks of a connection while the server stops: no further request is read; the request being read is its last."""

IDLE_S = 75
"""Longer than the idle time-out of common proxies, so that the proxy closes the connection and not this server."""

OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 0.1

REQUEST_S = 60
"""The time limit of a request from its first line to the end of its answer; of a streamed answer, for each piece."""

SLOW_S = 5
"""An answer that takes longer counts as waiting for its client."""

PATIENCE_S = 1.0
"""Younger connections are never closed to make room: clients that connect at the same time need a moment to send."""

TICK_S = 0.02
ENDED_AT_ONCE = 16
"""When the pool is full, one in so many of its connections is closed."""


Piece = TypeVar("Piece")


class Listener(GreenSocket):
    """A listening socket that retries after a lack of files or memory; eventlet's server would stop for good."""

    def accept(self) -> Any:
        while True:
            try:
                return super().accept()
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                eventlet.sleep(RETRY_S)


class Connections(eventlet.GreenPool):
    """The open connections. eventlet's server does not expose them, but it passes each one to its pool."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._open: dict[int, list[Any]] = {}

    def spawn(self, serve: Any, connection: list[Any]) -> Any:
        connection.extend((time.monotonic(), None))  # SINCE, BODY
        while not self.free():
            self._make_room()
            eventlet.sleep(TICK_S)
        thread = super().spawn(serve, connection)
        self._open[id(connection)] = connection
        thread.link(lambda _: self._open.pop(id(connection), None))
        return thread

    def unhurried(self, environ: dict[str, Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Yield the `pieces` of a long answer, and restart the time limit for each. Handlers find this function in the
        WSGI environment as `koyjabo.unhurried`.

        A piece is requested when the previous one has been written, so a client that keeps reading is never cut off. A
        client that reads less than a piece in REQUEST_S is closed, and after SLOW_S if the pool is full.
        """
        body = environ["eventlet.input"]
        connection = next((each for each in self._open.values() if each[BODY] is body), None)
        return _renewing(connection, pieces) if connection is not None else pieces

    def stop_reading(self) -> None:
        """Close the connections that wait for a request. A request that has begun to arrive becomes the last one.

        eventlet would shut down every connection whose state is idle: a request that the system has received would
        still be read and committed, and its answer could not be sent.
        """
        for connection in self._open.values():
            sock, state = connection[SOCKET], connection[STATE]
            if state != wsgi.STATE_IDLE:
                continue
            if _has_received(sock):
                connection[STATE] = wsgi.STATE_REQUEST
                connection.append(LAST)  # eventlet's own mark in the state is overwritten when the request is read
            else:
                connection.append(CLOSED)
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RD)

    def end_overdue(self) -> None:
        """Close connections that have been idle, or busy with one request, for too long.

        One sweep replaces a timer for each read: timers cost 10 µs a request and do not end a client that sends a byte
        now and then.
        """
        now = time.monotonic()
        for connection in self._open.values():
            patience_s = IDLE_S if connection[STATE] == wsgi.STATE_IDLE else REQUEST_S
            if now - connection[SINCE] > patience_s:
                _end(connection)

    def _make_room(self) -> None:
        """Close the connections that have kept us waiting longest, so that idle and slow clients cannot exclude others
        by filling the pool.
        """
        now = time.monotonic()
        old = [each for each in self._open.values() if now - each[SINCE] > PATIENCE_S]
        waited_for = [each for each in old if _waits_for_client(each, now)]
        for connection in nsmallest(max(1, self.size // ENDED_AT_ONCE), waited_for, key=itemgetter(SINCE)):
            _end(connection)


def _renewing(connection: list[Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        connection[SINCE] = time.monotonic()  # after building a piece
        yield piece
        connection[SINCE] = time.monotonic()  # after writing it


def _end(connection: list[Any]) -> None:
    with suppress(OSError):
        connection[SOCKET].shutdown(socket.SHUT_RDWR)


def _waits_for_client(connection: list[Any], now: float) -> bool:
    """Whether the server waits for the client to send a request, its head or its body, or to read the answer."""
    if connection[STATE] == wsgi.STATE_IDLE:
        return not _has_received(connection[SOCKET])
    body = connection[BODY]
    if body is None or now - connection[SINCE] > SLOW_S:
        return True
    return bool(body.chunk_length != 0 if body.chunked_input else body.position < (body.content_length or 0))


def _has_received(sock: Any) -> bool:
    try:
        return bool(sock.fd.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
