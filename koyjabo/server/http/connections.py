"""The open HTTP connections of a worker: their limit, and which of them are closed for others or for lateness."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from heapq import nsmallest
from operator import attrgetter

from koyjabo.core.runtime import Waiter
from koyjabo.server.http.connection import ANSWERING, IDLE, LINGERING, READING, HttpConnection

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
