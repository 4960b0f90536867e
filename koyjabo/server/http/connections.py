"""The HTTP connections of a worker: how they are accepted, and whom they are taken away from.

It relies on eventlet keeping a connection as a list of address, socket and state, handing each to the pool, on the
names of the states, and on an input knowing its length and position (0.41.3, pinned).
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

LINE, STATE, SINCE, BODY = 1, 2, 3, 4
HUSHED, LAST = "hushed", "last"
"""Marks of a connection when the server leaves: nothing is read of it any more; what is being read is its last request.
"""

IDLE_S = 75
"""Longer than the idle time of the proxies in front, so that it is they who close."""

OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 0.1

REQUEST_S = 60
"""For one request, from its first line to the end of its answer; for one that is sent as it is made, for each piece."""

SLOW_S = 5
"""After that, an answer that is still under way is taken to wait for its client."""

PATIENCE_S = 1.0
"""Nobody gives way before that: a crowd that comes at once needs a moment to say what it wants."""

TICK_S = 0.02
ENDED_AT_ONCE = 16
"""When there is no place left, one of so many connections ends."""


Piece = TypeVar("Piece")


class Listener(GreenSocket):
    """A listening socket that outlives a lack of files or memory; eventlet's server would stop accepting for good."""

    def accept(self) -> Any:
        while True:
            try:
                return super().accept()
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                eventlet.sleep(RETRY_S)


class Connections(eventlet.GreenPool):
    """The open connections. eventlet's server keeps them to itself, but all of them pass through its pool."""

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
        """The `pieces` of an answer, each of which has its time to itself. It stands in the environment of each request
        as `koyjabo.unhurried`, for those who send as much as there is.

        The next one is asked for when the one before was written, so nobody is cut off who reads, however long it
        takes; who reads less than a piece in REQUEST_S is, and gives way after SLOW_S where there is no place left.
        """
        body = environ["eventlet.input"]
        connection = next((each for each in self._open.values() if each[BODY] is body), None)
        return _renewing(connection, pieces) if connection is not None else pieces

    def hear_no_more(self) -> None:
        """End the connections that wait for a request, but not one whose request has begun to arrive: that is its last.

        eventlet would shut all that it thinks idle: what the system has received would still be read and committed,
        and the answer could not be sent.
        """
        for connection in self._open.values():
            line, state = connection[LINE], connection[STATE]
            if state != wsgi.STATE_IDLE:
                continue
            if _has_received(line):
                connection[STATE] = wsgi.STATE_REQUEST
                connection.append(LAST)  # what eventlet puts into the state to say so is overwritten when it is read
            else:
                connection.append(HUSHED)
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RD)

    def end_the_late(self) -> None:
        """Close what has been idle, or in the middle of one request, for too long.

        One sweep instead of a timer for each read: those cost 10 µs a request, and never end a client that sends a
        byte now and then.
        """
        now = time.monotonic()
        for connection in self._open.values():
            patience_s = IDLE_S if connection[STATE] == wsgi.STATE_IDLE else REQUEST_S
            if now - connection[SINCE] > patience_s:
                _end(connection)

    def _make_room(self) -> None:
        """End those that have let us wait longest, whatever for: whoever keeps all places by saying nothing, or a byte
        now and then, shall keep nobody out.
        """
        now = time.monotonic()
        silent = [each for each in self._open.values() if now - each[SINCE] > PATIENCE_S]
        waited_for = [each for each in silent if _waits_for_client(each, now)]
        for connection in nsmallest(max(1, self.size // ENDED_AT_ONCE), waited_for, key=itemgetter(SINCE)):
            _end(connection)


def _renewing(connection: list[Any], pieces: Iterator[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        connection[SINCE] = time.monotonic()  # it took a while to make
        yield piece
        connection[SINCE] = time.monotonic()  # and to write


def _end(connection: list[Any]) -> None:
    with suppress(OSError):
        connection[LINE].shutdown(socket.SHUT_RDWR)


def _waits_for_client(connection: list[Any], now: float) -> bool:
    """Whether it is the client's turn: to begin, to go on with head or body, or to read what it has been answered."""
    if connection[STATE] == wsgi.STATE_IDLE:
        return not _has_received(connection[LINE])
    body = connection[BODY]
    if body is None or now - connection[SINCE] > SLOW_S:
        return True
    return body.chunk_length != 0 if body.chunked_input else body.position < (body.content_length or 0)


def _has_received(line: Any) -> bool:
    try:
        return bool(line.fd.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
