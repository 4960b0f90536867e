"""The picture of a visit's number: a PNG of 1200 × 630, put together of parts that `tools/assets/visit_card.py` drew.

Takes 3 ms. Libraries that draw SVG hold the interpreter for 70 ms and more, in which no request would be answered.
"""

from __future__ import annotations

import json
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

PARTS = Path(__file__).parent / "visit_picture_parts.bin"
GREEN, WHITE = (0, 106, 78), (255, 255, 255)
LEFT, RIGHT = 90, 1110
NUMBER_TOP = {"large": 198, "medium": 270}
BENGALI_TOP = {"medium": 428, "small": 452}
DAY_TOP = 544
MOST_LARGE = 11
"""The characters of a number that fit in large digits: `999,999,999`."""

SPACE = 12
SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLORS = 3  # each byte is an entry of the palette
FASTEST = 1


class Bitmap(NamedTuple):
    width: int
    height: int
    shades: bytes  # one byte a pixel: 0 is the background


class Parts(NamedTuple):
    by_name: dict[str, Bitmap]
    bengali_left: int  # where the number begins behind its Bangla label


class Texts(NamedTuple):
    """Written in English and Bangla."""

    number: tuple[str, str]
    day: tuple[str, str]  # `16 Dec 2025`


@cache
def parts() -> Parts:
    head, _, shades = zlib.decompress(PARTS.read_bytes()).partition(b"\n")
    index, by_name, at = json.loads(head), {}, 0
    for name, (width, height) in index["parts"].items():
        by_name[name] = Bitmap(width, height, shades[at : at + width * height])
        at += width * height
    return Parts(by_name, index["bengali_left"])


def draw(texts: Texts) -> bytes:
    """A PNG. Characters that have no part are left out."""
    by_name, bengali_left = parts()
    canvas = Canvas(by_name["still"])
    size = "large" if len(texts.number[0]) <= MOST_LARGE else "medium"
    second = "medium" if size == "large" else "small"
    canvas.write(size, texts.number[0], LEFT, NUMBER_TOP[size])
    canvas.write(second, texts.number[1], bengali_left, BENGALI_TOP[second])
    for day, left in zip(texts.day, (LEFT, (LEFT + RIGHT) // 2), strict=True):
        canvas.write("small", day, left, DAY_TOP)
    return canvas.as_png()


class Canvas:
    """Rows of pixels as PNG has them: each behind a byte that says how it is filtered, which is not at all."""

    def __init__(self, still: Bitmap) -> None:
        self._width, self._height = still.width, still.height
        rows = (still.shades[at : at + still.width] for at in range(0, len(still.shades), still.width))
        self._rows = bytearray(b"".join(b"\0" + row for row in rows))

    def write(self, size: str, text: str, left: int, top: int) -> None:
        """Up to RIGHT. Words that are drawn as a whole are not spelt."""
        by_name = parts().by_name
        for word in text.split():
            spelt = [word] if f"{size} {word}" in by_name else [*word]
            for name in spelt:
                part = by_name.get(f"{size} {name}")
                if part is not None and left + part.width <= RIGHT:
                    self._put(part, left, top)
                    left += part.width
            left += SPACE

    def as_png(self) -> bytes:
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, PALETTE_COLORS, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"PLTE", PALETTE), (b"IDAT", zlib.compress(self._rows, FASTEST)), (b"IEND", b""))
        return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)

    def _put(self, part: Bitmap, left: int, top: int) -> None:
        stride = self._width + 1
        for row in range(part.height):
            at = (top + row) * stride + 1 + left
            self._rows[at : at + part.width] = part.shades[row * part.width : (row + 1) * part.width]


def _palette() -> bytes:
    """From the background to white."""
    ends = [*zip(GREEN, WHITE, strict=True)]
    return bytes(green + (white - green) * step // 255 for step in range(256) for green, white in ends)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PALETTE = _palette()
