"""One WebSocket after its handshake.

A queue of items that are due after the same delay, instead of a timer for each.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from math import inf
from struct import unpack_from
from typing import Any, Generic, NamedTuple, TypeVar, cast

from wsproto.frame_protocol import (
    LOCAL_ONLY_CLOSE_REASONS,
    CloseReason,
    Frame,
    FrameDecoder,
    MessageDecoder,
    Opcode,
    ParseFailed,
)

from koyjabo.base.core.errors import ABUSE
from koyjabo.realtime.frames import FINAL, MASKED, PING, PONG, close_frame, frame
from koyjabo.server.loop.poller import Poller, receive
from .buffered_connection import LOST, BufferedConnection, ConnectionOwner, Loop

log = logging.getLogger(__name__)

Item = TypeVar("Item")

CALLS_IN_A_ROW = 256


class DelayLine(Generic[Item]):
    """Calls `act` with each item, in order, `delay_s` after the item was added."""

    def __init__(self, delay_s: float, act: Callable[[Item], None]) -> None:
        self.delay_s = delay_s
        self._act = act
        self._queue: deque[tuple[float, Item]] = deque()

    def put(self, item: Item) -> None:
        self._queue.append((time.monotonic() + self.delay_s, item))

    @property
    def due_in_s(self) -> float:
        """Time until the first item is due, s; infinity if there are no items."""
        return self._queue[0][0] - time.monotonic() if self._queue else inf

    def run_due(self) -> None:
        """Call `act` with all items that are due. Yields to other tasks after every CALLS_IN_A_ROW items."""
        now, count = time.monotonic(), 0
        while self._queue and self._queue[0][0] <= now:
            _, item = self._queue.popleft()
            try:
                self._act(item)
            except Exception:
                log.exception("delayed_act_failed")
            count += 1
            if count % CALLS_IN_A_ROW == 0:
                time.sleep(0)


__all__ = ["CloseFrame", "FrameReader", "ParseFailed", "Part", "PingFrame", "PongFrame"]

MESSAGES = (Opcode.TEXT, Opcode.BINARY)
NOT_SAID = 1005
BAD_GATEWAY = 1014
CLOSE_CODES = frozenset({*CloseReason, BAD_GATEWAY, *range(3000, 5000)} - set(LOCAL_ONLY_CLOSE_REASONS))
"""The codes that a client may send: registered codes, and codes of applications (RFC 6455, 7.4.2). wsproto lacks
BAD_GATEWAY.
"""


class PingFrame(NamedTuple):
    payload: bytes


class PongFrame(NamedTuple):
    payload: bytes


class CloseFrame(NamedTuple):
    code: int  # NOT_SAID if the frame has none


class Part(NamedTuple):
    """A frame of an incomplete message. It is reported so that frames can be counted."""


Received = str | bytes | Part | PingFrame | PongFrame | CloseFrame


class FrameReader:
    """Decodes bytes into messages and control frames. Refuses messages of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames = FrameDecoder(client=False)
        self._messages = MessageDecoder()
        self._parts: list[str | bytes] = []
        self._size = 0  # bytes of the message so far

    @property
    def idle(self) -> bool:
        """Whether the last frame and message are complete."""
        return self._frames.header is None and not len(self._frames.buffer) and self._messages.opcode is None

    @property
    def missing(self) -> int:
        """How many bytes the current frame still needs; 0 between frames."""
        header = self._frames.header
        return 0 if header is None else header.payload_len - self._frames.payload_consumed

    def feed(self, data: bytes) -> list[Received]:
        """The messages and control frames that `data` completes. Raises ParseFailed for an invalid frame, with the
        close code to send. The error's `received` has everything that was completed before it.
        """
        received: list[Received] = []
        self._frames.receive_bytes(data)
        try:
            while (frame := self._frames.process_buffer()) is not None:
                if frame.opcode.iscontrol():
                    received.append(_control(frame.opcode, cast(bytes, frame.payload)))
                else:
                    self._add(frame, received)
            self._check_size()
        except ParseFailed as error:
            error.received = received  # type: ignore[attr-defined]
            raise
        return received

    def _add(self, frame: Frame, received: list[Received]) -> None:
        self._size += len(frame.payload)
        self._check_size()
        part = self._messages.process_frame(frame)
        self._parts.append(cast(str | bytes, part.payload))
        if part.message_finished:
            empty: str | bytes = "" if part.opcode is Opcode.TEXT else b""
            received.append(empty.join(self._parts))  # type: ignore[arg-type]
            self._parts, self._size = [], 0
        elif part.frame_finished:
            received.append(Part())

    def _check_size(self) -> None:
        """Refuse a message over the limit. The announced length of an incomplete frame counts."""
        header = self._frames.header
        announced = 0 if header is None or header.opcode.iscontrol() else header.payload_len
        started = self._frames.payload_consumed if header is not None else 0
        if self._size + announced - min(started, announced) > self._limit:
            raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)


def _control(opcode: Opcode, payload: bytes) -> Received:
    if opcode is Opcode.PING:
        return PingFrame(bytes(payload))
    if opcode is Opcode.PONG:
        return PongFrame(bytes(payload))
    return CloseFrame(_close_code(bytes(payload)))


def _close_code(payload: bytes) -> int:
    """Parse a close code. Raises ParseFailed for a code that may not be sent, or a reason that is not UTF-8 (RFC
    6455, 7.4).
    """
    if not payload:
        return NOT_SAID
    if len(payload) == 1:
        raise ParseFailed("close code with only one byte")
    code: int
    (code,) = unpack_from("!H", payload)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ParseFailed("close reason is not UTF-8", CloseReason.INVALID_FRAME_PAYLOAD_DATA) from None
    if code not in CLOSE_CODES:
        raise ParseFailed("invalid close code")
    return code


MAX_FRAMES = 500
"""Maximum number of frames from a client between two of our pings. Beyond this, the connection is closed with 1008."""

BYTES_AT_ONCE = 512
"""How much is read in one pass, bytes, so that a client with many frames delays others by about 1 ms: 23 messages
`{"type": "ping"}`, or 85 empty frames. The rest of a larger message is read at once.
"""

MAX_CALLS = 100
"""Maximum number of a client's pending calls. Beyond this, the connection is closed with 1008."""

PING_FRAME = frame(b"", PING)

EMPTY_PONG, EMPTY_PONG_BYTES = bytes((FINAL | PONG, MASKED)), 6
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
            self._loop.drop(self, LOST)

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
        """The time since data last arrived, or since we closed the connection while the client was responding to
        pings.
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
                self.write(frame(item.payload, PONG))
            elif not isinstance(item, Part | PongFrame):
                self.owner.received(self, item)

    def _answer_close(self, code: int) -> None:
        self.close(None if code == NOT_SAID else code)
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
