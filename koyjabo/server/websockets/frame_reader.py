"""Parses the frames that a client sends (RFC 6455, 5)."""

from struct import unpack_from
from typing import NamedTuple, TypeAlias, cast

from wsproto.frame_protocol import (
    LOCAL_ONLY_CLOSE_REASONS,
    CloseReason,
    Frame,
    FrameDecoder,
    MessageDecoder,
    Opcode,
    ParseFailed,
)

from koyjabo.base.core.close_codes import NO_CLOSE_CODE

BAD_GATEWAY = 1014

CLIENT_CLOSE_CODES = frozenset({*CloseReason, BAD_GATEWAY, *range(3000, 5000)} - set(LOCAL_ONLY_CLOSE_REASONS))
"""The codes that a client may send: registered codes, and codes of applications (RFC 6455, 7.4.2). wsproto lacks
BAD_GATEWAY.
"""

Received: TypeAlias = "str | bytes | Part | PingFrame | PongFrame | CloseFrame"


class PingFrame(NamedTuple):
    payload: bytes


class PongFrame(NamedTuple):
    payload: bytes


class CloseFrame(NamedTuple):
    code: int  # NO_CLOSE_CODE if the frame has none


class Part(NamedTuple):
    """A frame of an incomplete message. It is reported so that frames can be counted."""


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
        return NO_CLOSE_CODE
    if len(payload) == 1:
        raise ParseFailed("close code with only one byte")
    code: int
    (code,) = unpack_from("!H", payload)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ParseFailed("close reason is not UTF-8", CloseReason.INVALID_FRAME_PAYLOAD_DATA) from None
    if code not in CLIENT_CLOSE_CODES:
        raise ParseFailed("invalid close code")
    return code
