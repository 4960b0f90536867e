"""All WebSockets of this worker, without a greenlet for each: one epoll is read for all (decision 11).

Frames cannot interleave, since each connection has one way to write, and a client that does not read costs a bounded
buffer until it is dropped.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Any, Protocol

from koyjabo.network.rate_limiter import Rate
from koyjabo.realtime.close_codes import GOING_AWAY, TOO_MANY, UNEXPECTED
from koyjabo.server.websockets.connection import LOST, NOBODY, Connection, Owner
from koyjabo.server.websockets.delay_line import DelayLine

log = logging.getLogger("koyjabo.websockets")

SEND_BUFFER = 32 * 1024
"""Bytes the kernel keeps for a client, which it doubles. It would let one that does not read have megabytes."""

EVENTS_AT_ONCE = 256
CLOSES_IN_A_ROW = 256
STALLED_S = 30.0
"""A client that has read nothing for so long, with something waiting for it, is dropped."""

PING_INTERVAL_S, PING_TIMEOUT_S = 25.0, 20.0
"""The timeout is the shorter one: each ping is judged before the next."""

CLOSE_TIMEOUT_S = 5.0
"""How long a client has to answer a close."""

LONGEST_LIFE_S = 24 * 3600
SPREAD = 1 / 12
"""Of that: who came together, as all do after a deploy, need not come back together day after day."""

SWEEP_INTERVAL_S = 1.0
READABLE, WRITABLE = 0x1, 0x4  # of epoll; eventlet hides it from `select`


class ConnectionLoop:
    """Reads all connections, pings them, and drops the dead and the slow.

    It relies on eventlet's hub calling back on its own greenlet for a file given to `add` (see `loop`), so what is
    called from `_on_ready` must not wait.
    """

    def __init__(
        self, runtime: Any, epoll: Any, most: int, most_an_address: int, handshakes: Rate | None = None
    ) -> None:
        """`handshakes` is how many an address may make, None for no limit."""
        self.start_task = runtime.start_task
        self.most = most
        self.most_an_address = most_an_address
        self._handshakes = handshakes
        self._epoll = epoll
        self._open: dict[int, Connection] = {}
        self._by_address: Counter[str] = Counter()
        self._reserved = 0
        self._leaving = False
        self._stalled: dict[Connection, float] = {}  # since when nothing could be sent, monotonic s
        self._pings: DelayLine[Connection] = DelayLine(PING_INTERVAL_S, self._ping)
        self._verdicts: DelayLine[Connection] = DelayLine(PING_TIMEOUT_S, self._drop_silent)
        self._closing: DelayLine[Connection] = DelayLine(CLOSE_TIMEOUT_S, lambda each: self.drop(each, LOST))
        runtime.call_when_readable(epoll.fileno(), self._on_ready)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, sock: Any, address: str, owner: Owner, greeting: bytes, early: bytes) -> Connection:
        """Take over a connected socket, with `greeting` as the first thing to send. It is read when it is started.

        Over the limits, it is closed with 1013 (specification: Credentials).
        """
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, address, owner, self, early)
        is_one_too_many = not self._has_room(address)
        self._open[sock.fileno()] = connection
        self._by_address[address] += 1
        connection.write(greeting)
        if self._leaving:
            connection.close(GOING_AWAY, "the server is going away")
        elif is_one_too_many:
            connection.close(TOO_MANY, "too many connections, try again later")
            self.drop(connection, TOO_MANY)  # at once: it must not cost a file while it says goodbye
        elif owner.pings:
            self._pings.put(connection)
        return connection

    def reserve(self, address: str) -> bool:
        """Count a client that has no connection of its own, because it polls; false where there is no room."""
        if not self._has_room(address):
            return False
        self._reserved += 1
        self._by_address[address] += 1
        return True

    def release(self, address: str) -> None:
        """One that was reserved is gone."""
        self._reserved -= 1
        self._forget(address)

    def close_all(self) -> None:
        """The server is going away: say so to everybody, and to those who come now."""
        self._leaving = True
        for count, connection in enumerate(list(self._open.values()), 1):
            connection.close(GOING_AWAY, "the server is going away")
            if count % CLOSES_IN_A_ROW == 0:
                time.sleep(0)

    def sweep(self) -> None:
        """What is due, of all connections; to be called every SWEEP_INTERVAL_S."""
        for line in (self._verdicts, self._pings, self._closing):  # the last ping is judged before the next
            line.run_due()
        late = time.monotonic() - STALLED_S
        for connection in [each for each, since in self._stalled.items() if since < late]:
            self.drop(connection, LOST, reset=True)

    # For a connection.

    def watch(self, connection: Connection) -> None:
        self._epoll.register(connection.fileno(), READABLE | WRITABLE if connection.has_unsent else READABLE)

    def watch_writable(self, connection: Connection) -> None:
        self._stalled[connection] = time.monotonic()
        with suppress(FileNotFoundError):  # it has not started yet
            self._epoll.modify(connection.fileno(), READABLE | WRITABLE)

    def await_close(self, connection: Connection) -> None:
        self._closing.put(connection)

    def drop(self, connection: Connection, code: int, reset: bool = False) -> None:
        """End it now, and tell its owner. `reset` also throws away what the kernel has not sent."""
        fd = connection.fileno()
        if not connection.end(self._epoll, reset):
            return
        del self._open[fd]
        self._stalled.pop(connection, None)
        self._forget(connection.address)
        owner, connection.owner = connection.owner, NOBODY  # who holds it would stay until the collector comes
        self.start_task(lambda: owner.ended(connection, code))

    def _has_room(self, address: str) -> bool:
        """For one who has just come. An empty address is not counted (see `koyjabo.addresses`)."""
        if len(self._open) + self._reserved >= self.most:
            return False
        return not address or (self._by_address[address] < self.most_an_address and self._may_come(address))

    def _may_come(self, address: str) -> bool:
        return self._handshakes is None or not self._handshakes.use(address).is_exceeded

    def _forget(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _on_ready(self) -> None:
        for fd, events in self._epoll.poll(0, EVENTS_AT_ONCE):
            connection = self._open.get(fd)
            if connection is None:
                continue  # dropped a moment ago
            try:
                self._serve(connection, events)
            except Exception:
                log.exception("connection_failed")
                self._end_failed(connection)

    def _end_failed(self, connection: Connection) -> None:
        """Say that it was our fault; one that fails while it says goodbye has said enough."""
        if connection.is_open:
            connection.close(UNEXPECTED)
        else:
            self.drop(connection, LOST)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & WRITABLE and connection.has_unsent:
            self._flush(connection)
        if events & ~WRITABLE and connection.has_file:
            connection.read()

    def _flush(self, connection: Connection) -> None:
        try:
            waits = connection.flush()
        except OSError:
            self.drop(connection, LOST)
            return
        self._stalled[connection] = time.monotonic()
        if not waits:
            del self._stalled[connection]
            self._epoll.modify(connection.fileno(), READABLE)

    def _ping(self, connection: Connection) -> None:
        if not connection.is_open:
            return
        if is_old(connection):
            connection.close(GOING_AWAY, "open for a day: come back")
            return
        connection.ping()
        self._pings.put(connection)
        self._verdicts.put(connection)

    def _drop_silent(self, connection: Connection) -> None:
        if connection.is_open and connection.is_silent:
            self.drop(connection, LOST, reset=True)


class Aging(Protocol):
    born: float  # monotonic s
    chance: int  # 0 to 255, drawn when it is born; see `is_old`


def is_old(socket: Aging) -> bool:
    """Whether a socket has to reconnect: after LONGEST_LIFE_S, or sooner by up to SPREAD of that."""
    return time.monotonic() - socket.born > LONGEST_LIFE_S * (1 - SPREAD * socket.chance / 256)
