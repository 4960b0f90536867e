"""Sends bytes to one client in any protocol, and defines what a connection needs from its owner and its loop."""

import socket
import time
from contextlib import suppress
from random import getrandbits
from struct import pack
from typing import TYPE_CHECKING, Any, Protocol

from koyjabo.base.network.client_address import customer

if TYPE_CHECKING:
    from collections.abc import Callable

    from koyjabo.server.loop.poller import Poller

MAX_BUFFER_BYTES = 64 * 1024
"""Maximum number of unsent bytes per client. A client that exceeds it is dropped."""

CONNECTION_LOST = 1006
RESET_ON_CLOSE = pack("ii", 1, 0)


class ConnectionOwner(Protocol):
    """Handles the events of its connections. An owner has many connections, and keeps its own data about each."""

    largest_message: int  # bytes
    pings: bool  # whether to send WebSocket pings; False for a protocol with its own pings

    def received(self, connection: Any, message: str | bytes) -> None:
        """Handle a message. Must not block, because one reader serves all connections; see
        `WebSocketConnection.run_in_order`.
        """

    def ended(self, connection: Any, code: int) -> None:
        """Handle the end of a connection, in a task that may block. `code` is the client's close code, or 1005 or 1006
        if there is none. For a stream, it is the code passed to `close`, or 1006.
        """


class NoOwner:
    """The owner of an ended connection. Ignores all events."""

    largest_message = 0
    pings = False

    def received(self, connection: Any, message: str | bytes) -> None: ...

    def ended(self, connection: Any, code: int) -> None: ...


NO_OWNER = NoOwner()


class Loop(Protocol):
    """The loop methods that a connection uses. This is a protocol, because the loop imports this module."""

    def start_task(self, main: "Callable[[], None]") -> None: ...

    def is_full(self, address: str) -> bool: ...

    def reserve(self, address: str) -> bool: ...

    def add_reserved(self, connection: "BufferedConnection", sock: Any) -> None: ...

    def await_slot(self, address: str) -> None: ...

    def charge(self, address: str, frames: int) -> None: ...

    def read_soon(self, connection: "BufferedConnection") -> None: ...

    def watch(self, connection: "BufferedConnection") -> None: ...

    def watch_writable(self, connection: "BufferedConnection") -> None: ...

    def await_close(self, connection: "BufferedConnection") -> None: ...

    def drop(self, connection: "BufferedConnection", code: int, reset: bool = False) -> None: ...

    def serve(self, connection: "BufferedConnection", events: int) -> None: ...

    def end_failed(self, connection: "BufferedConnection") -> None: ...


class BufferedConnection:
    """The base class of connections. `write` may be called at any time, and does nothing once the connection has ended.
    Subclasses implement reading and `close`.
    """

    __slots__ = (
        "__weakref__", "_loop", "_send", "_sock", "_state", "_unsent", "address", "born", "chance", "owner",
    )  # fmt: skip

    OPEN, CLOSING, GONE = range(3)
    kind = ""

    def __init__(self, address: str, owner: ConnectionOwner, loop: Loop, greeting: bytes) -> None:
        """Create a connection. `greeting` is sent first, together with all data written before the first
        `send_unsent`.
        """
        self.address = address
        self.owner = owner
        self.born = time.monotonic()
        self.chance = getrandbits(8)
        self._loop = loop
        self._state = self.OPEN
        self._unsent: bytearray | None = bytearray(greeting)

    def attach(self, sock: Any) -> None:
        self._sock = sock
        self._send = sock.send

    @property
    def is_open(self) -> bool:
        return self._state == self.OPEN

    @property
    def network(self) -> str:
        return customer(self.address)

    def send_unsent(self) -> None:
        try:
            if self.flush():
                self._loop.watch_writable(self)
        except OSError:
            self._loop.drop(self, CONNECTION_LOST)

    def write(self, data: bytes) -> None:
        """Send encoded frames. Data that the kernel does not accept is buffered, up to MAX_BUFFER_BYTES bytes."""
        if self._state != self.OPEN:
            return
        if self._unsent is None:
            try:
                sent: int = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._loop.drop(self, CONNECTION_LOST)
                return
            if sent != len(data):
                self._unsent = bytearray(memoryview(data)[sent:])
                self._loop.watch_writable(self)
        elif len(self._unsent) + len(data) <= MAX_BUFFER_BYTES:
            self._unsent += data
        else:
            self._loop.drop(self, CONNECTION_LOST, reset=True)

    def close(self, code: int | None, reason: str = "") -> None:
        """End the connection once the client has read all written data, or after CLOSE_TIMEOUT_S."""
        raise NotImplementedError

    # Methods that the loop calls

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def ready(self, events: int) -> None:
        self._loop.serve(self, events)

    def failed(self) -> None:
        self._loop.end_failed(self)

    def read(self) -> None:
        """Read and handle available data."""
        raise NotImplementedError

    def flush(self) -> bool:
        """Send as much of the buffer as the kernel accepts. Returns True if data is left. Raises OSError."""
        if self._unsent is not None:
            with suppress(BlockingIOError):
                del self._unsent[: self._send(self._unsent)]
            self._unsent = self._unsent or None
        return self._unsent is not None

    def tick(self) -> None:
        """Called every TICK_INTERVAL_S if the connection has no pings."""

    def all_sent(self) -> None:
        """Called once the kernel has accepted all buffered data."""

    @property
    def has_unsent(self) -> bool:
        return self._unsent is not None

    @property
    def has_file(self) -> bool:
        return self._state != self.GONE

    def end(self, poller: "Poller", reset: bool) -> bool:
        """Close the socket. Returns False if it was already closed."""
        if self._state == self.GONE:
            return False
        self._state = self.GONE
        poller.remove(self._sock.fileno())
        if reset:
            with suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._sock.close()
        self._unsent = None
        return True
