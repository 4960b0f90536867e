"""Reads all WebSockets and streams of this worker, without a task for each (decision 11).

Frames cannot interleave, because only one method writes to a connection. A client that does not read takes up a limited
buffer, and is then dropped.
"""

import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from koyjabo.base.core.close_codes import GOING_AWAY, TRY_AGAIN_LATER, UNEXPECTED_ERROR
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.network.client_address import AddressCounter, Level, customer, levels
from koyjabo.base.network.rate_limiter import Rate
from koyjabo.server.loop.poller import HANG_UP_EVENTS, READ_EVENT, WRITE_EVENT, Poller
from .buffered_connection import CONNECTION_LOST, NO_OWNER, BufferedConnection, ConnectionOwner
from .delay_line import DelayLine
from .websocket_connection import BYTES_AT_ONCE, WebSocketConnection

log = logging.getLogger("koyjabo.websockets")


FRAMES_A_SECOND = 1_000
"""How many frames an address may send in the long run, per worker.

2,000 pages behind one address, the usual limit, send 80 pongs a second. 1,000 frames take 2 to 4 % of a core.
"""

MAX_BURST = 10_000
"""How many frames an address may send at once: five from each of 2,000 pages, for example when all are shown."""


SEND_BUFFER = 32 * 1024
"""Size of the kernel's send buffer per client, bytes (the kernel doubles it). By default it may grow to megabytes."""

CLOSES_IN_A_ROW = 256

MAX_NOTIFIERS = 64
"""Maximum number of tasks that notify owners of ended connections. Owners may block, so tasks are needed; but if
thousands of connections end together, a task for each would take most of the time (decision 11).
"""

FRAMES_AT_ONCE = BYTES_AT_ONCE // 20
"""How many frames one read usually has."""

ENDED_CONNECTIONS, NOTIFY_S = "ended", 0.001
"""The place of notifications in the fair queue, and how long one slot notifies owners, s. All addresses share it, so
that an address with many requests delays no notification.
"""

STALLED_CLIENT_S = 30.0
"""How long a client with unsent data may go without reading before it is dropped, s."""

PING_INTERVAL_S, PING_TIMEOUT_S = 25.0, 20.0
"""Interval between pings, and time limit for the response, s. The limit is shorter, so each ping is checked before the
next one.
"""

TICK_INTERVAL_S = 5.0
"""Interval between ticks of connections without pings, s."""

CLOSE_TIMEOUT_S = 5.0
"""How long a client has to respond to a close frame, s."""

MAX_LIFE_S = 24 * 3600

LIFE_SPREAD = 1 / 12
"""How much lifetimes vary, as a fraction, so that clients that connect together after a deploy do not reconnect
together every day.
"""

SPARE_PLACES, PLACES_FOR_ONE, MIN_SHARE = 1 / 10, 32, 16
"""When less than the fraction SPARE_PLACES of its places is free, a worker lets the other workers accept first. It then
accepts one connection per PLACES_FOR_ONE free places, at least MIN_SHARE. The kernel distributes connections
unevenly, and a page that one worker refuses while another has room would have to try again (decision 11).
"""

SWEEP_INTERVAL_S = 1.0


class FrameBudget:
    """A leaky bucket of frames for each network, so that a client with many WebSockets cannot keep a worker busy
    (decision 80). Larger networks have larger budgets (see `levels`)."""

    def __init__(self) -> None:
        self._used: dict[Level, float] = {}  # frames
        self._used_up: set[Level] = set()
        self._leaked_at = time.monotonic()

    def charge(self, address: str, frames: int) -> None:
        """Count frames from an address. An empty address has no budget (see `koyjabo.base.network.client_address`)."""
        if not address:
            return
        for level in levels(address):
            used = self._used[level] = self._used.get(level, 0.0) + frames
            if used > MAX_BURST * level.times:
                self._used_up.add(level)

    def is_used_up(self, address: str) -> bool:
        """Whether an address must wait before more of its frames are read."""
        return bool(self._used_up) and not self._used_up.isdisjoint(levels(address))

    def left(self, level: Level) -> float:
        """How many frames of a network may be read; 0 or less if its budget is used up."""
        return MAX_BURST * level.times - self._used.get(level, 0.0)

    def refill(self) -> None:
        """Return the frames of the time since the last call."""
        now = time.monotonic()
        frames, self._leaked_at = FRAMES_A_SECOND * (now - self._leaked_at), now
        left = {level: used - frames * level.times for level, used in self._used.items()}
        self._used = {level: used for level, used in left.items() if used > 0}
        self._used_up = {level for level in self._used_up if self._used.get(level, 0.0) >= MAX_BURST * level.times}


class ConnectionLoop:
    """Reads all connections, pings them, and drops dead and slow ones."""

    def __init__(
        self,
        runtime: Runtime,
        poller: Poller,
        await_slot: Callable[[str], None],
        most: int,
        most_an_address: int,
        most_a_network: int,
        handshakes: Rate | None = None,
    ) -> None:
        """Create the loop. `await_slot` is `FairQueue.begin`. `most_a_network` is the limit for a /24 or /48 (see
        `neighbours`). `handshakes` is the rate limit per address; None for no limit.
        """
        self.start_task = runtime.start_task
        self._await_slot = await_slot
        self.most = most
        self.most_an_address = most_an_address
        self.most_a_network = most_a_network
        self._handshakes = handshakes
        self._poller = poller
        self._open: dict[int, BufferedConnection] = {}
        self._by_address = AddressCounter()
        self._reserved = 0
        self._leaving = False
        self._stalled: dict[BufferedConnection, float] = {}  # the time of the last successful write, monotonic s
        self._budget = FrameBudget()
        self.charge = self._budget.charge
        self._held: dict[BufferedConnection, None] = {}  # not read until its address may send more frames
        self._pings: DelayLine[WebSocketConnection] = DelayLine(PING_INTERVAL_S, self._ping)
        self._pong_checks: DelayLine[WebSocketConnection] = DelayLine(PING_TIMEOUT_S, self._drop_silent)
        self._ticks: DelayLine[BufferedConnection] = DelayLine(TICK_INTERVAL_S, self._tick)
        self._ended: deque[Callable[[], None]] = deque()  # pending notifications to owners
        self._notifiers = 0  # number of tasks that send them
        self._closing: DelayLine[BufferedConnection] = DelayLine(
            CLOSE_TIMEOUT_S, lambda connection: self.drop(connection, CONNECTION_LOST)
        )

    def __len__(self) -> int:
        return len(self._open)

    def add(
        self, sock: Any, address: str, owner: ConnectionOwner, greeting: bytes, early: bytes
    ) -> WebSocketConnection:
        """Take over a connected socket, and send `greeting` first. `WebSocketConnection.start` then starts sending and
        reading. Closes the socket with 1013 if a limit is exceeded (specification: Credentials).
        """
        _prepare(sock)
        connection = WebSocketConnection(sock, address, owner, self, greeting, early)
        exceeds_limits = not self._has_space(address)
        self._open[sock.fileno()] = connection
        self._by_address.add(address)
        if self._leaving:
            connection.close(GOING_AWAY, "the server is going away")
        elif exceeds_limits:
            connection.close(TRY_AGAIN_LATER, "too many connections, try again later")
            connection.send_unsent()
            self.drop(
                connection, TRY_AGAIN_LATER
            )  # at once, so that it does not keep a file open until the client responds
        elif owner.pings:
            self._pings.put(connection)
        return connection

    def add_reserved(self, connection: BufferedConnection, sock: Any) -> None:
        """Take over the socket of a connection that `reserve` was called for."""
        _prepare(sock)
        connection.attach(sock)
        self._reserved -= 1
        self._open[sock.fileno()] = connection
        self._ticks.put(connection)
        if self._leaving:
            connection.close(GOING_AWAY)

    def share(self) -> int | None:
        """How many connections to accept at once: fewer as places run out, or None while there are enough. Never 0,
        because many connections are plain requests, which need no place and must not wait for one.
        """
        left = self.most - len(self._open) - self._reserved
        if left > self.most * SPARE_PLACES:
            return None
        return max(MIN_SHARE, left // PLACES_FOR_ONE) if left > 0 else self.most

    def is_full(self, address: str) -> bool:
        """Whether there is no place for another client, or for one more from this address's network."""
        if len(self._open) + self._reserved >= self.most:
            return True
        return not self._by_address.neighbours_have_room(address, self.most_a_network)

    def reserve(self, address: str) -> bool:
        """Count a client that has no connection here, because it polls or its stream has not begun. Returns False if a
        limit is exceeded.
        """
        if not self._has_space(address):
            return False
        self._reserved += 1
        self._by_address.add(address)
        return True

    def release(self, address: str) -> None:
        """Stop counting a reserved client."""
        self._reserved -= 1
        self._by_address.remove(address)

    def close_all(self) -> None:
        """Close all current and future connections, because the server is stopping."""
        self._leaving = True
        for count, connection in enumerate(list(self._open.values()), 1):
            connection.close(GOING_AWAY, "the server is going away")
            if count % CLOSES_IN_A_ROW == 0:
                time.sleep(0)

    def sweep(self) -> None:
        """Run the checks that are due. Call this every SWEEP_INTERVAL_S."""
        checks = (self._pong_checks, self._pings)  # check the last ping before sending the next one
        for queue in (*checks, self._ticks, self._closing):
            queue.run_due()
        late = time.monotonic() - STALLED_CLIENT_S
        for connection in [connection for connection, since in self._stalled.items() if since < late]:
            self.drop(connection, CONNECTION_LOST, reset=True)
        self._release_held()

    # Methods that connections call

    def await_slot(self, address: str) -> None:
        """Wait until a call of this address may run, in a task (see `FairQueue.begin`)."""
        self._await_slot(customer(address))

    def read_soon(self, connection: BufferedConnection) -> None:
        self._poller.call_soon(connection.fileno())

    def watch(self, connection: BufferedConnection) -> None:
        self._poller.add(connection.fileno(), connection, self._events(connection))

    def watch_writable(self, connection: BufferedConnection) -> None:
        self._stalled[connection] = time.monotonic()
        self._poller.change(connection.fileno(), self._events(connection))

    def await_close(self, connection: BufferedConnection) -> None:
        self._closing.put(connection)

    def drop(self, connection: BufferedConnection, code: int, reset: bool = False) -> None:
        """End a connection now, and notify its owner. `reset` also discards data that the kernel has not sent."""
        fd = connection.fileno()
        if not connection.end(self._poller, reset):
            return
        if self._open.pop(fd, None) is None:
            self._reserved -= 1  # a stream that has not begun
        self._stalled.pop(connection, None)
        self._held.pop(connection, None)
        self._by_address.remove(connection.address)
        # Breaks a reference cycle that otherwise only the garbage collector would break.
        owner, connection.owner = connection.owner, NO_OWNER
        self._ended.append(lambda: owner.ended(connection, code))
        if self._notifiers < MAX_NOTIFIERS:
            self._notifiers += 1
            self.start_task(self._notify_owners)

    def serve(self, connection: BufferedConnection, events: int) -> None:
        """Handle the events of a connection. If its address has used up its frames, do not read it: the kernel then
        holds the client up. A connection that has ended is always read, because its event would repeat forever.
        """
        if events & WRITE_EVENT and connection.has_unsent:
            self._flush(connection)
        if events & ~WRITE_EVENT and connection.has_file:
            if self._budget.is_used_up(connection.address) and not events & HANG_UP_EVENTS:
                self._held[connection] = None
                self._poller.change(connection.fileno(), self._events(connection))
            else:
                connection.read()

    def end_failed(self, connection: BufferedConnection) -> None:
        """Close a connection with 1011 after an internal error. If it was already closing, drop it."""
        if connection.is_open:
            connection.close(UNEXPECTED_ERROR)
        else:
            self.drop(connection, CONNECTION_LOST)

    def _notify_owners(self) -> None:
        while self._ended:
            self._await_slot(ENDED_CONNECTIONS)
            ends_at = time.monotonic() + NOTIFY_S
            while self._ended and time.monotonic() < ends_at:
                notify = self._ended.popleft()
                try:
                    notify()
                except Exception:
                    log.exception("end_failed")
        self._notifiers -= 1

    def _events(self, connection: BufferedConnection) -> int:
        """The events that a connection waits for."""
        return (0 if connection in self._held else READ_EVENT) | (WRITE_EVENT if connection.has_unsent else 0)

    def _release_held(self) -> None:
        """Read held connections again, in order, as many as their addresses have frames for."""
        self._budget.refill()
        released: Counter[Level] = Counter()
        for connection in list(self._held):
            own = levels(connection.address)
            if all(released[level] < self._budget.left(level) for level in own):
                released.update(dict.fromkeys(own, FRAMES_AT_ONCE))
                del self._held[connection]
                self._poller.change(connection.fileno(), self._events(connection))
                self.read_soon(connection)  # it may hold data that the handshake's request left over

    def _has_space(self, address: str) -> bool:
        """Check the limits for a new client. An empty address has no limits per address (see
        `koyjabo.base.network.client_address`).
        """
        if self.is_full(address):
            return False
        if not address:
            return True
        has_room = self._by_address.has_room(address, self.most_an_address)
        return has_room and not (self._handshakes and self._handshakes.use_address(address).is_exceeded)

    def _flush(self, connection: BufferedConnection) -> None:
        try:
            has_unsent = connection.flush()
        except OSError:
            self.drop(connection, CONNECTION_LOST)
            return
        self._stalled[connection] = time.monotonic()
        if not has_unsent:
            del self._stalled[connection]
            self._poller.change(connection.fileno(), self._events(connection))
            connection.all_sent()

    def _ping(self, connection: WebSocketConnection) -> None:
        if not connection.is_open:
            return
        if is_old(connection):
            connection.close(GOING_AWAY, "open for a day; connect again")
            return
        connection.ping()
        self._pings.put(connection)
        self._pong_checks.put(connection)

    def _tick(self, connection: BufferedConnection) -> None:
        if not connection.is_open:
            return
        if is_old(connection):
            connection.close(GOING_AWAY)
            return
        connection.tick()
        self._ticks.put(connection)

    def _drop_silent(self, connection: WebSocketConnection) -> None:
        if connection.is_open and connection.is_silent:
            connection.read()  # after the machine was suspended, a pong may not have been read yet
        if connection.is_open and connection.is_silent:
            self.drop(connection, CONNECTION_LOST, reset=True)


def _prepare(sock: Any) -> None:
    sock.setblocking(False)
    with suppress(OSError):  # macOS refuses options if the client is gone; the next read notices that
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Aging(Protocol):
    born: float  # monotonic s
    chance: int  # 0 to 255, drawn at creation; see `is_old`


def is_old(socket: Aging) -> bool:
    """Whether a socket must reconnect: after MAX_LIFE_S, or earlier by up to the fraction LIFE_SPREAD."""
    return time.monotonic() - socket.born > MAX_LIFE_S * (1 - LIFE_SPREAD * socket.chance / 256)
