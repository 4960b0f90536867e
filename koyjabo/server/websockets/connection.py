"""One WebSocket after its handshake. Every byte leaves through `Connection.write`, which never waits."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from random import getrandbits
from struct import pack
from typing import Any, Protocol

from koyjabo.realtime.close_codes import ABUSE
from koyjabo.realtime.frames import PING, PONG, close_frame, frame
from koyjabo.server.websockets.frame_reader import NOT_SAID, Close, FrameReader, ParseFailed, Part, Ping, Pong

log = logging.getLogger("koyjabo.websockets")

MOST_UNSENT = 64 * 1024
"""Bytes that wait for a client; one for whom there are more is dropped."""

READ_SIZE = 16 * 1024
MOST_FRAMES = 500
"""From one client between two of our pings: a flood is closed with 1008."""

MOST_WAITING = 100
"""Calls that wait for their turn; a client that causes more is closed with 1008."""

LOST = 1006
PING_FRAME = frame(b"", PING)
RESET = pack("ii", 1, 0)


class Owner(Protocol):
    """Whose connection it is. One owner has many connections, so it keeps what it knows of each by itself."""

    largest_message: int  # bytes
    pings: bool  # by WebSocket pings; False for one who has its own

    def received(self, connection: Connection, message: str | bytes) -> None:
        """Called by the reader of all connections: it must not wait. See `Connection.in_turn`."""

    def ended(self, connection: Connection, code: int) -> None:
        """The connection is gone, with the code the client gave, 1005 or 1006. Called in a task; it may wait."""


class Nobody:
    """Whose a connection is when it is gone."""

    largest_message = 0
    pings = False

    def received(self, connection: Connection, message: str | bytes) -> None: ...

    def ended(self, connection: Connection, code: int) -> None: ...


NOBODY = Nobody()


class Loop(Protocol):
    """What a connection asks of the loop that reads it."""

    def start_task(self, main: Callable[[], None]) -> None: ...

    def watch(self, connection: Connection) -> None: ...

    def watch_writable(self, connection: Connection) -> None: ...

    def await_close(self, connection: Connection) -> None: ...

    def drop(self, connection: Connection, code: int, reset: bool = False) -> None: ...


class Connection:
    """One WebSocket. Whoever holds it may write to it and close it at any time; afterwards that does nothing."""

    __slots__ = (
        "__weakref__",
        "_early", "_frames_left", "_heard", "_loop", "_reader", "_send", "_sock", "_state", "_unsent", "_waiting",
        "address", "born", "chance", "owner",
    )  # fmt: skip

    OPEN, CLOSING, GONE = range(3)

    def __init__(self, sock: Any, address: str, owner: Owner, loop: Loop, early: bytes) -> None:
        """`early` has been read of `sock` already."""
        self._early = early
        self.address = address
        self.owner = owner
        self.born = time.monotonic()
        self.chance = getrandbits(8)
        self._sock = sock
        self._send = sock.send
        self._loop = loop
        self._state = self.OPEN
        self._unsent: bytearray | None = None
        self._reader: FrameReader | None = None
        self._waiting: deque[Callable[[], None]] | None = None
        self._heard = True
        self._frames_left = MOST_FRAMES

    @property
    def is_open(self) -> bool:
        return self._state == self.OPEN

    def start(self) -> None:
        """Begin to read. Its owner is ready: has said what comes first, and knows what `received` is about."""
        early, self._early = self._early, b""
        if early:
            self.take(early)
        if self._state != self.GONE:
            self._loop.watch(self)

    def write(self, data: bytes) -> None:
        """Send ready frames. What the kernel does not take waits, up to MOST_UNSENT bytes."""
        if self._state != self.OPEN:
            return
        if self._unsent is None:
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._loop.drop(self, LOST)
                return
            if sent != len(data):
                self._unsent = bytearray(memoryview(data)[sent:])
                self._loop.watch_writable(self)
        elif len(self._unsent) + len(data) <= MOST_UNSENT:
            self._unsent += data
        else:
            self._loop.drop(self, LOST, reset=True)

    def send(self, text: str) -> None:
        """Send one text message."""
        self.write(frame(text))

    def close(self, code: int | None, reason: str = "") -> None:
        """Say goodbye, and end when the client has answered, or after CLOSE_TIMEOUT_S."""
        if self._state == self.OPEN:
            self.write(close_frame(code, reason))
            self._begin_closing()

    def in_turn(self, call: Callable[[], None]) -> None:
        """Call after what was given here before, in a task: it may wait."""
        if self._waiting is None:
            self._waiting = deque([call])
            self._loop.start_task(self._work)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(call)
        else:
            self.close(ABUSE, "too many messages at once")

    # For the loop.

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self) -> None:
        """Take what has arrived."""
        try:
            data = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.take(data)
        else:
            self._loop.drop(self, LOST)

    def take(self, data: bytes) -> None:
        """Handle bytes from the client."""
        self._heard = True
        reader = self._reader or FrameReader(self.owner.largest_message)
        try:
            received = reader.feed(data)
        except ParseFailed as error:
            self._handle_all(error.received)  # type: ignore[attr-defined]
            self._reader = None
            self.close(int(error.code))
            return
        self._reader = None if reader.idle else reader
        self._handle_all(received)

    def flush(self) -> bool:
        """Send of what waits as much as the kernel takes; true when something still waits. Raises OSError."""
        if self._unsent is not None:
            with suppress(BlockingIOError):
                del self._unsent[: self._send(self._unsent)]
            self._unsent = self._unsent or None
        return self._unsent is not None

    def ping(self) -> None:
        self._heard = False
        self.count_anew()
        self.write(PING_FRAME)

    def count_anew(self) -> None:
        """It is being pinged: from now on the client may send MOST_FRAMES again."""
        self._frames_left = MOST_FRAMES

    @property
    def is_silent(self) -> bool:
        """Nothing has come since the last ping."""
        return not self._heard

    @property
    def has_unsent(self) -> bool:
        return self._unsent is not None

    @property
    def has_file(self) -> bool:
        return self._state != self.GONE

    def end(self, epoll: Any, reset: bool) -> bool:
        """Give the file back; false when that was done before."""
        if self._state == self.GONE:
            return False
        self._state = self.GONE
        with suppress(FileNotFoundError):  # it never started
            epoll.unregister(self._sock.fileno())
        if reset:
            with suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._sock.close()
        self._unsent = self._reader = None
        return True

    def _handle_all(self, received: list[Any]) -> None:
        for each in received:
            if isinstance(each, Close):
                self._answer_close(each.code)
                return
            self._frames_left -= 1
            if self._state != self.OPEN:
                continue
            if self._frames_left < 0:
                self.close(ABUSE, "too many messages")
            elif isinstance(each, Ping):
                self.write(frame(each.payload, PONG))
            elif not isinstance(each, Part | Pong):
                self.owner.received(self, each)

    def _answer_close(self, code: int) -> None:
        self.close(None if code == NOT_SAID else code)
        if self._unsent is None:  # else the client ends it when it has read that far
            self._loop.drop(self, code)

    def _begin_closing(self) -> None:
        if self._state == self.OPEN:
            self._state = self.CLOSING
            self._loop.await_close(self)

    def _work(self) -> None:
        while self._waiting:
            try:
                self._waiting[0]()
            except Exception:
                log.exception("message_failed")
            self._waiting.popleft()
        self._waiting = None
