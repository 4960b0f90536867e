"""What a client sends, frame by frame (RFC 6455, 5), parsed by wsproto.

A reader exists only while a frame or a message is arriving: an idle connection costs no parser.
"""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple, cast

from wsproto.frame_protocol import (
    LOCAL_ONLY_CLOSE_REASONS,
    CloseReason,
    FrameDecoder,
    MessageDecoder,
    Opcode,
    ParseFailed,
)

__all__ = ["Close", "FrameReader", "ParseFailed", "Part", "Ping", "Pong"]

MESSAGES = (Opcode.TEXT, Opcode.BINARY)
NOT_SAID = 1005
FIRST_PRIVATE_CODE, LAST_CODE = 3000, 4999


class Ping(NamedTuple):
    payload: bytes


class Pong(NamedTuple):
    payload: bytes


class Close(NamedTuple):
    code: int  # NOT_SAID when the frame has none


class Part(NamedTuple):
    """A frame of a message that is not finished: whoever counts frames has to count it."""


Received = str | bytes | Part | Ping | Pong | Close


class FrameReader:
    """Makes messages and control frames of bytes; a message of more than `limit` bytes is refused."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames = FrameDecoder(client=False)
        self._messages = MessageDecoder()
        self._parts: list[str | bytes] = []
        self._size = 0  # bytes of the message so far

    @property
    def idle(self) -> bool:
        """Nothing has begun to arrive that is not finished."""
        return self._frames.header is None and not len(self._frames.buffer) and self._messages.opcode is None

    def feed(self, data: bytes) -> list[Received]:
        """What has arrived whole with `data`. Raises ParseFailed, with the close code to answer, when it is no frame
        a client may send; what came whole before it is then in the exception's `received`.
        """
        received: list[Received] = []
        self._frames.receive_bytes(data)
        try:
            while (frame := self._frames.process_buffer()) is not None:
                if frame.opcode.iscontrol():
                    received.append(_control(frame.opcode, cast(bytes, frame.payload)))
                else:
                    self._add(frame, received)
            self._refuse_what_is_too_big()
        except ParseFailed as error:
            error.received = received  # type: ignore[attr-defined]
            raise
        return received

    def _add(self, frame, received: list[Received]) -> None:
        self._size += len(frame.payload)
        self._refuse_what_is_too_big()
        part = self._messages.process_frame(frame)
        self._parts.append(cast(str | bytes, part.payload))
        if part.message_finished:
            empty: str | bytes = "" if part.opcode is Opcode.TEXT else b""
            received.append(empty.join(self._parts))  # type: ignore[arg-type]
            self._parts, self._size = [], 0
        elif part.frame_finished:
            received.append(Part())

    def _refuse_what_is_too_big(self) -> None:
        """Also by what the header announces, before it has been sent."""
        header = self._frames.header
        announced = 0 if header is None or header.opcode.iscontrol() else header.payload_len
        started = self._frames.payload_consumed if header is not None else 0
        if self._size + announced - min(started, announced) > self._limit:
            raise ParseFailed("message too big", CloseReason.MESSAGE_TOO_BIG)


def _control(opcode: Opcode, payload: bytes) -> Received:
    if opcode is Opcode.PING:
        return Ping(bytes(payload))
    if opcode is Opcode.PONG:
        return Pong(bytes(payload))
    return Close(_close_code(bytes(payload)))


def _close_code(payload: bytes) -> int:
    """Raises ParseFailed for a code that nobody may send, or a reason that is not UTF-8 (RFC 6455, 7.4)."""
    if not payload:
        return NOT_SAID
    if len(payload) == 1:
        raise ParseFailed("close with half a code")
    (code,) = unpack_from("!H", payload)
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise ParseFailed("close reason is not UTF-8", CloseReason.INVALID_FRAME_PAYLOAD_DATA) from None
    known = code in set(CloseReason) and code not in LOCAL_ONLY_CLOSE_REASONS
    if not known and not FIRST_PRIVATE_CODE <= code <= LAST_CODE:
        raise ParseFailed("close with a code that is none")
    return code
