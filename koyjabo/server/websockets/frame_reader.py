"""Parses the frames of a client (RFC 6455, 5) with wsproto.

A reader exists only while a frame or a message is arriving, so an idle connection needs no parser.
"""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple, cast

from wsproto.frame_protocol import (
    LOCAL_ONLY_CLOSE_REASONS,
    CloseReason,
    Frame,
    FrameDecoder,
    MessageDecoder,
    Opcode,
    ParseFailed,
)

__all__ = ["CloseFrame", "FrameReader", "ParseFailed", "Part", "PingFrame", "PongFrame"]

MESSAGES = (Opcode.TEXT, Opcode.BINARY)
NOT_SAID = 1005
FIRST_PRIVATE_CODE, LAST_CODE = 3000, 4999


class PingFrame(NamedTuple):
    payload: bytes


class PongFrame(NamedTuple):
    payload: bytes


class CloseFrame(NamedTuple):
    code: int  # NOT_SAID when the frame has none


class Part(NamedTuple):
    """A frame of an unfinished message, reported so that the connection can count it."""


Received = str | bytes | Part | PingFrame | PongFrame | CloseFrame


class FrameReader:
    """Decodes bytes into messages and control frames. Refuses a message of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames = FrameDecoder(client=False)
        self._messages = MessageDecoder()
        self._parts: list[str | bytes] = []
        self._size = 0  # bytes of the message so far

    @property
    def idle(self) -> bool:
        """No frame or message is incomplete."""
        return self._frames.header is None and not len(self._frames.buffer) and self._messages.opcode is None

    def feed(self, data: bytes) -> list[Received]:
        """Return the messages and control frames that `data` completes. Raises ParseFailed, with the close code to
        answer, for an invalid frame; the exception's `received` has the items completed before it.
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
        """Refuse a message over the limit; the length in the header of an incomplete frame counts as well."""
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
    """Parse a close code. Raises ParseFailed for a code that may not be sent, or a reason that is not UTF-8 (RFC 6455,
    7.4).
    """
    if not payload:
        return NOT_SAID
    if len(payload) == 1:
        raise ParseFailed("close with half a code")
    code: int
    (code,) = unpack_from("!H", payload)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ParseFailed("close reason is not UTF-8", CloseReason.INVALID_FRAME_PAYLOAD_DATA) from None
    known = code in set(CloseReason) and code not in LOCAL_ONLY_CLOSE_REASONS
    if not known and not FIRST_PRIVATE_CODE <= code <= LAST_CODE:
        raise ParseFailed("close with a code that is none")
    return code
