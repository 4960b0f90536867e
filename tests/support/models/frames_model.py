"""An independent implementation of RFC 6455 (5 to 8), which predicts a server's replies to arbitrary bytes, and
strategies that generate mostly valid frames, split at arbitrary positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from struct import pack
from typing import NamedTuple

from hypothesis import strategies as st

from support.clients.websocket import BINARY, CLOSE, FINAL, MASK, MASKED, MORE, PING, PONG, TEXT, frame, mask

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
OPCODES = (MORE, TEXT, BINARY, CLOSE, PING, PONG)
LENGTHS = {126: 2, 127: 8}
"""7-bit length values that announce an extended length field, and the size of that field in bytes."""

SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


@dataclass
class Expected:
    pongs: list[bytes] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    codes: set[int | None] = field(default_factory=lambda: {None})
    """Close codes allowed after these bytes. None means still open, or closed without a code."""


class Header(NamedTuple):
    wrong: set[int]
    opcode: int
    final: bool
    length: int
    start: int  # of the mask


def expected(data: bytes, limit: int) -> Expected:
    """The server's expected replies. `limit` is the largest message in bytes."""
    reply = Expected()
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
            reply.codes = wrong if is_whole and wrong else {None, *wrong}
            return reply
        data = data[header.start + 4 + header.length :]
        if opcode == CLOSE:
            reply.codes = {int.from_bytes(payload[:2], "big") if payload else None}
            return reply
        if opcode == PING:
            reply.pongs.append(payload)
        elif not is_control:
            message = so_far + payload
            if header.final:
                reply.messages.append(message.decode() if is_text else message)
                message = None
    return reply


def _header(data: bytes) -> Header:
    """Parse the header of a frame that may be incomplete. Missing bytes count as valid."""
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


LARGEST = 4096
WIDTHS = {0: 125, 2: 0xFFFF, 8: 2**64 - 1}
"""The maximum length, by the size of the extended length field in bytes."""

texts = st.sampled_from(['{"type": "ping"}', "ঢাকা 🛺", "", "hello", "[" * 200]).map(str.encode)
edges = st.sampled_from([125, 126, LARGEST - 1, LARGEST, LARGEST + 1]).map(lambda size: b"x" * size)
payloads = texts | texts | st.binary(max_size=130) | edges
codes = st.sampled_from([1000, 3000, 4999]) | st.integers(0, 0xFFFF)
endings = st.builds(lambda code, why: pack("!H", code) + why, codes, texts) | st.binary(max_size=2)

controls = st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG]))
closes = st.builds(frame, endings, st.just(CLOSE))
cuts = st.lists(st.floats(0, 1), max_size=4)


def pieces(data: bytes, cuts: list[float]) -> list[bytes]:
    """Split the bytes into pieces. A cut is a fraction of the total length."""
    at = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(at)]


@st.composite
def messages(draw: st.DrawFn) -> list[bytes]:
    """The frames of one message: fragments with control frames in between."""
    parts = pieces(draw(payloads), draw(cuts)) or [b""]
    opcode, frames = draw(st.sampled_from([TEXT, TEXT, BINARY])), []
    for number, part in enumerate(parts, 1):
        frames.append(frame(part, opcode if number == 1 else MORE, final=number == len(parts)))
        frames += draw(st.lists(controls, max_size=1))
    return frames


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """A frame with random header bits, a wrong or non-minimal length, or no mask."""
    payload = draw(payloads | endings)
    length = draw(st.just(len(payload)) | st.just(len(payload)) | st.integers(0, 200) | st.integers(0, 2**64 - 1))
    width = draw(st.sampled_from([width for width, most in WIDTHS.items() if length <= most]))
    first, bit = draw(st.integers(0, 255)), draw(st.sampled_from([MASKED, MASKED, 0]))
    length_bits = {0: length, 2: 126, 8: 127}[width]
    header = bytes((first, bit | length_bits)) + (length.to_bytes(width, "big") if width else b"")
    return header + (MASK + mask(payload) if bit else payload)


talks = st.lists(messages() | controls.map(lambda frame_bytes: [frame_bytes]), min_size=1, max_size=5)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Valid frames, or frames with an odd or missing frame, changed bytes, or a truncated end."""
    talk = [piece for part in draw(talks) for piece in part]
    fault = draw(st.sampled_from(["none", "closed", "an odd frame", "a lost frame", "other bytes", "cut off"]))
    at = draw(st.integers(0, len(talk)))
    if fault in ("closed", "an odd frame"):
        talk.insert(at, draw(closes if fault == "closed" else odd_frames()))
    elif fault == "a lost frame":
        del talk[at : at + 1]
    data = bytearray(b"".join(talk))
    at = draw(st.integers(0, len(data)))
    if fault == "other bytes":
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data[:at] if fault == "cut off" else data)
