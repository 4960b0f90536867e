"""One WebSocket after its handshake."""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from wsproto.frame_protocol import ParseFailed

from koyjabo.base.core.close_codes import ABUSE, NO_CLOSE_CODE
from koyjabo.realtime.encoded_event import EncodedEvent
from koyjabo.realtime.frames import FINAL_BIT, MASK_BIT, PING_OPCODE, PONG_OPCODE, close_frame, frame
from koyjabo.server.loop.poller import Poller, receive
from .buffered_connection import CONNECTION_LOST, BufferedConnection, ConnectionOwner, Loop
from .frame_reader import CloseFrame, FrameReader, Part, PingFrame, PongFrame

log = logging.getLogger(__name__)

MAX_FRAMES = 500
"""Maximum number of frames from a client between two of our pings. Beyond this, the connection is closed with 1008."""

BYTES_AT_ONCE = 512
"""How much is read in one pass, bytes, so that a client with many frames delays others by about 1 ms: 23 messages
`{"type": "ping"}`, or 85 empty frames. The rest of a larger message is read at once.
"""

MAX_CALLS = 100
"""Maximum number of a client's pending calls. Beyond this, the connection is closed with 1008."""

PING_FRAME = frame(b"", PING_OPCODE)

EMPTY_PONG, EMPTY_PONG_BYTES = bytes((FINAL_BIT | PONG_OPCODE, MASK_BIT)), 6
"""How a client's response to our ping begins, and its length. The four bytes of the mask follow; there is no data to
mask.
"""


class WebSocketConnection(BufferedConnection):
    """One WebSocket. `write` and `close` may be called at any time, and do nothing once the connection has ended."""

    __slots__ = ("_calls", "_early", "_frames_left", "_heard", "_reader")

    def __init__(
        self, sock: Any, address: str, owner: ConnectionOwner, loop: Loop, greeting: bytes, early: bytes
    ) -> None:
        """Create a WebSocket. `greeting` is sent first, together with data written before `start`, because each call to
        send takes longer than all our own work. `early` is data already read from `sock`.
        """
        super().__init__(address, owner, loop, greeting)
        self.attach(sock)
        self._early = early
        self._reader: FrameReader | None = None
        self._calls: deque[Callable[[], None]] | None = None
        # When data last arrived, monotonic s; negative if a ping was sent since then.
        self._heard = time.monotonic()
        self._frames_left = MAX_FRAMES

    def write_event(self, event: EncodedEvent) -> None:
        self.write(event.plain)

    def start(self) -> None:
        """Send all written data, and start reading. Call this once the owner has sent its first message and can handle
        `received`.
        """
        self.send_unsent()
        if self._state != self.GONE:
            self._loop.watch(self)
            if self._early:
                self._loop.read_soon(self)

    def send(self, text: str) -> None:
        """Send one text message."""
        self.write(frame(text))

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame. The connection ends once the client has responded, or after CLOSE_TIMEOUT_S."""
        if self._state == self.OPEN:
            if not self.is_silent:
                self._heard = time.monotonic()
            self.write(close_frame(code, reason))
            self._begin_closing()

    def run_in_order(self, call: Callable[[], None]) -> None:
        """Run `call`, which may block, in a task after all calls passed earlier."""
        if self._calls is None:
            self._calls = deque([call])
            self._loop.start_task(self._run_calls)
        elif len(self._calls) < MAX_CALLS:
            self._calls.append(call)
        else:
            self.close(ABUSE, "too many messages at once")

    # Methods that the loop calls

    def read(self) -> None:
        """Read and handle available data: what the handshake's request left over, then the socket."""
        size = max(BYTES_AT_ONCE, self._reader.missing) if self._reader else BYTES_AT_ONCE
        data: bytes | None
        if self._early:
            data, self._early = self._early[:size], self._early[size:]
            self._loop.read_soon(self)
        else:
            data = receive(self._sock, size)
        if data:
            self.take(data)
        elif data is not None:
            self._loop.drop(self, CONNECTION_LOST)

    def take(self, data: bytes) -> None:
        """Handle bytes from the client."""
        is_awaited, self._heard = self.is_silent, time.monotonic()
        if self._reader is None and self._frames_left > 0 and _is_empty_pong(data):
            self._frames_left -= 1  # pongs are most of what open pages send, so they need no reader (decision 11)
            if not is_awaited:
                self._loop.charge(self.address, 1)
            return
        reader = self._reader or FrameReader(self.owner.largest_message)
        try:
            received = reader.feed(data)
        except ParseFailed as error:
            self._handle_all(error.received)  # type: ignore[attr-defined]
            self._reader, self._early = None, b""
            receive(self._sock)  # discard the rest of an invalid frame, which is not a frame itself
            self.close(int(error.code))
            return
        self._reader = None if reader.idle else reader
        self._loop.charge(self.address, len(received) or 1)
        self._handle_all(received)

    def ping(self) -> None:
        self.pinged()
        self.write(PING_FRAME)

    def pinged(self) -> None:
        """Record that a ping was sent. The client may then send MAX_FRAMES frames again."""
        self._heard = -abs(self._heard)
        self._frames_left = MAX_FRAMES

    @property
    def is_silent(self) -> bool:
        """Whether no data has arrived since the last ping."""
        return self._heard < 0

    @property
    def silent_ms(self) -> int:
        """The time since the client's last data. If we closed the connection while the client was still responding to
        pings, the time since then.
        """
        return round(1000 * (time.monotonic() - abs(self._heard)))

    def end(self, poller: Poller, reset: bool) -> bool:
        self._reader = None
        return super().end(poller, reset)

    def _handle_all(self, received: list[Any]) -> None:
        for item in received:
            if isinstance(item, CloseFrame):
                self._answer_close(item.code)
                return
            self._frames_left -= 1
            if self._state != self.OPEN:
                continue
            if self._frames_left < 0:
                self.close(ABUSE, "too many messages")
            elif isinstance(item, PingFrame):
                self.write(frame(item.payload, PONG_OPCODE))
            elif not isinstance(item, Part | PongFrame):
                self.owner.received(self, item)

    def _answer_close(self, code: int) -> None:
        self.close(None if code == NO_CLOSE_CODE else code)
        if self._unsent is None:  # otherwise the client must read the rest first
            self._loop.drop(self, code)

    def _begin_closing(self) -> None:
        if self._state == self.OPEN:
            self._state = self.CLOSING
            self._loop.await_close(self)

    def _run_calls(self) -> None:
        while self._calls:
            self._loop.await_slot(self.address)
            try:
                self._calls[0]()
            except Exception:
                log.exception("message_failed")
            self._calls.popleft()
        self._calls = None


def _is_empty_pong(data: bytes) -> bool:
    return len(data) == EMPTY_PONG_BYTES and data.startswith(EMPTY_PONG)
