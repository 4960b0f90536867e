"""Strategies for what a client sends frame by frame, mostly as it should, and cut anywhere."""

from __future__ import annotations

from itertools import pairwise
from struct import pack

from hypothesis import strategies as st

from support.websocket import BINARY, CLOSE, MASK, MASKED, MORE, PING, PONG, TEXT, frame, mask

LARGEST = 4096
WIDTHS = {0: 125, 2: 0xFFFF, 8: 2**64 - 1}
"""The largest length by the bytes that it takes beside the mask bit."""

texts = st.sampled_from(['{"type": "ping"}', "ঢাকা 🛺", "", "hello", "[" * 200]).map(str.encode)
edges = st.sampled_from([125, 126, LARGEST - 1, LARGEST, LARGEST + 1]).map(lambda size: b"x" * size)
payloads = texts | texts | st.binary(max_size=130) | edges
codes = st.sampled_from([1000, 3000, 4999]) | st.integers(0, 0xFFFF)
endings = st.builds(lambda code, why: pack("!H", code) + why, codes, texts) | st.binary(max_size=2)

controls = st.builds(frame, st.binary(max_size=125), st.sampled_from([PING, PONG]))
closes = st.builds(frame, endings, st.just(CLOSE))
cuts = st.lists(st.floats(0, 1), max_size=4)


def pieces(data: bytes, cuts: list[float]) -> list[bytes]:
    """The same bytes; where they are cut is said in parts of the whole."""
    at = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(at)]


@st.composite
def messages(draw: st.DrawFn) -> list[bytes]:
    """One, in fragments, with control frames in between."""
    parts = pieces(draw(payloads), draw(cuts)) or [b""]
    opcode, found = draw(st.sampled_from([TEXT, TEXT, BINARY])), []
    for number, part in enumerate(parts, 1):
        found.append(frame(part, opcode if number == 1 else MORE, final=number == len(parts)))
        found += draw(st.lists(controls, max_size=1))
    return found


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """With any bit in any place, a length that is not so or not written as it has to be, or no mask."""
    payload = draw(payloads | endings)
    length = draw(st.just(len(payload)) | st.just(len(payload)) | st.integers(0, 200) | st.integers(0, 2**64 - 1))
    width = draw(st.sampled_from([width for width, most in WIDTHS.items() if length <= most]))
    first, bit = draw(st.integers(0, 255)), draw(st.sampled_from([MASKED, MASKED, 0]))
    said = {0: length, 2: 126, 8: 127}[width]
    header = bytes((first, bit | said)) + (length.to_bytes(width, "big") if width else b"")
    return header + (MASK + mask(payload) if bit else payload)


talks = st.lists(messages() | controls.map(lambda each: [each]), min_size=1, max_size=5)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames as they should be, but for one that is odd or missing, some bytes that are other ones, or the end."""
    talk = [each for part in draw(talks) for each in part]
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
