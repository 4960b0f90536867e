"""All HTTP connections of a worker, and which ones to close when they are overdue or none is free."""

import time
from collections.abc import Callable, Iterator
from heapq import nsmallest
from operator import attrgetter

from koyjabo.base.core.runtime import Waiter
from .connection import STATE_IDLE, STATE_LINGERING, STATE_READING, STATE_RESPONDING, HttpConnection

MAX_IDLE_TIME_S = 130
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

SLOW_RESPONSE_S = 5
"""A response that takes longer than this counts as waiting for its client, s."""

YOUNG_CONNECTION_S = 1.0
"""Connections younger than this are never closed to make room, s, because clients that connect at the same time need
time to send.
"""

ENDED_AT_ONCE = 16
"""If all connections are in use, one in this many is closed to make room."""

QUEUE_DIVISOR = 4
"""If all connections are in use, at most a quarter of them may be in one network's queue."""

MAX_READING_CONNECTIONS = 5_000
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
        return any(connection.state != STATE_LINGERING or connection.since > long_ago for connection in self._open)

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

    def make_space(self) -> bool:
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
        """Close the connections whose requests have been incomplete the longest. Call this when MAX_READING_CONNECTIONS
        is reached.
        """
        now = time.monotonic()
        if now >= self._next_search:
            self._next_search = now + SEARCH_INTERVAL_S
            self._end_oldest(
                [connection for connection in self._open if connection.state == STATE_READING], MAX_READING_CONNECTIONS
            )

    def _end_oldest(self, waited_for: list[HttpConnection], most: int) -> None:
        long_ago = time.monotonic() - YOUNG_CONNECTION_S
        old = [connection for connection in waited_for if connection.since < long_ago]
        for connection in nsmallest(max(1, most // ENDED_AT_ONCE), old, key=attrgetter("since")):
            connection.end()

    def end_overdue(self) -> None:
        """Close connections that have been idle, or busy with one request, for too long. Called regularly, because a
        timer per read would cost 10 µs per request, and would not stop a client that sends a byte now and then.
        """
        now = time.monotonic()
        limits = {STATE_IDLE: MAX_IDLE_TIME_S, STATE_LINGERING: LINGER_S}
        overdue = [client for client in self._open if now - client.since > limits.get(client.state, REQUEST_S)]
        for connection in overdue:
            connection.end()


def _waits_for_client(connection: HttpConnection, now: float) -> bool:
    """Whether the server waits for the client, either to send a request or to read the response."""
    if connection.state == STATE_IDLE:
        return not connection.has_received()
    return connection.state != STATE_RESPONDING or (connection.has_unsent and now - connection.since > SLOW_RESPONSE_S)
