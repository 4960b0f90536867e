"""What a server answers to bytes that claim to be frames: a second reading of the same rules (RFC 6455, 5 to 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from support.websocket import BINARY, CLOSE, FINAL, MASKED, MORE, PING, PONG, TEXT

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
OPCODES = (MORE, TEXT, BINARY, CLOSE, PING, PONG)
LENGTHS = {126: 2, 127: 8}
"""Bytes in which a length stands that does not fit beside the mask bit."""

SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


@dataclass
class Expected:
    pongs: list[bytes] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    codes: set[int | None] = field(default_factory=lambda: {None})
    """With which it may be closed when these bytes have come; None for not at all, or for a close without one."""


class Header(NamedTuple):
    wrong: set[int]
    opcode: int
    final: bool
    length: int
    start: int  # of the mask


def expected(data: bytes, limit: int) -> Expected:
    """`limit` is the largest message in bytes."""
    found = Expected()
    message: bytes | None = None
    is_text = False
    while data:
        header = _header(data)
        opcode, wrong = header.opcode, set(header.wrong)
        is_control = opcode >= CLOSE
        so_far = message or b""
        if not is_control:
            wrong |= {PROTOCOL_ERROR} if (opcode == MORE) == (message is None) else set()
            wrong |= {TOO_BIG} if len(so_far) + header.length > limit else set()
            is_text = is_text if opcode == MORE else opcode == TEXT
        payload = _payload(data, header)
        is_whole = header.start <= len(data) - 4 and len(payload) == header.length
        wrong |= _wrong_content(header, so_far, payload, is_text, is_whole)
        if wrong or not is_whole:
            found.codes = wrong if is_whole and wrong else {None, *wrong}
            return found
        data = data[header.start + 4 + header.length :]
        if opcode == CLOSE:
            found.codes = {int.from_bytes(payload[:2], "big") if payload else None}
            return found
        if opcode == PING:
            found.pongs.append(payload)
        elif not is_control:
            message = so_far + payload
            if header.final:
                found.messages.append(message.decode() if is_text else message)
                message = None
    return found


def _header(data: bytes) -> Header:
    """Of a frame that may not be there to its end: what is missing reads as if it were right."""
    first, second = data[0], data[1] if len(data) > 1 else MASKED
    opcode, length, start = first & 0x0F, second & 0x7F, 2
    right = opcode in OPCODES and not first & 0x70 and second & MASKED
    if opcode >= CLOSE:
        right = right and first & FINAL and length < 126
    if width := LENGTHS.get(length):
        start += width
        written = data[2:start]
        if len(written) == width:
            length = int.from_bytes(written, "big")
            right = right and length >= (126 if width == 2 else 1 << 16) and length < 1 << 63
        else:
            length = 0
    return Header(set() if right else {PROTOCOL_ERROR}, opcode, bool(first & FINAL), length, start)


def _payload(data: bytes, header: Header) -> bytes:
    mask, masked = data[header.start : header.start + 4], data[header.start + 4 :][: header.length]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))


def _wrong_content(header: Header, so_far: bytes, payload: bytes, is_text: bool, is_whole: bool) -> set[int]:
    if header.opcode == CLOSE:
        return _wrong_close(payload) if is_whole and payload else set()
    if header.opcode > CLOSE or not is_text:
        return set()
    return set() if _is_utf8(so_far + payload, header.final and is_whole) else {NOT_UTF8}


def _wrong_close(payload: bytes) -> set[int]:
    wrong = set() if len(payload) > 1 and int.from_bytes(payload[:2], "big") in SENDABLE else {PROTOCOL_ERROR}
    return wrong | (set() if _is_utf8(payload[2:], True) else {NOT_UTF8})


def _is_utf8(data: bytes, is_all: bool) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return not is_all and error.reason == "unexpected end of data"
    return True
