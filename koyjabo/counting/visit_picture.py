"""The picture of a visit's number: a PNG of 1200 × 630, put together of parts that `tools/assets/visit_card.py` drew.

Takes 4 ms. Libraries that draw SVG hold the interpreter for 70 ms and more, in which no request would be answered.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

PARTS = Path(__file__).parent / "visit_picture_parts.bin"
GREEN, WHITE = (0, 106, 78), (255, 255, 255)
WIDTH, HEIGHT = 1200, 630
LEFT, RIGHT = 90, 1110
BRAND_LEFT = LEFT + 96
MARK_TOP, BRAND_TOP, LABEL_TOP, DAY_TOP, CAPTION_TOP = 48, 50, 148, 400, 474
BASELINE = 362
"""Of both numbers."""

LARGE, SMALL = (200, 144, 104, 72, 56, 40), (72, 56, 40)
"""Sizes of the number in the language of the picture, and of that beside it."""

GAP, SPACE = 60, 12
COLUMN, BAR = 20, 14
TALLEST, LEAST = 104, 5
"""Pixels; visits a minute for which the height always has room."""

BAR_SHADE, GROUND_SHADE, GROUND = 110, 60, 3

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLORS = 3  # each byte is an entry of the palette
FASTEST = 1


class Bitmap(NamedTuple):
    width: int
    height: int
    top: int  # rows from the upper edge of the line
    shades: bytes  # one byte a pixel: 0 is the background


class NumberTexts(NamedTuple):
    """What a picture says, in one language."""

    language: str
    number: str
    day: str  # `16 Dec 2025`


@cache
def parts() -> dict[str, Bitmap]:
    head, _, shades = zlib.decompress(PARTS.read_bytes()).partition(b"\n")
    by_name, at = {}, 0
    for name, (width, height, top) in json.loads(head).items():
        by_name[name] = Bitmap(width, height, top, shades[at : at + width * height])
        at += width * height
    return by_name


def draw(own: NumberTexts, other: NumberTexts, hour: Sequence[int], time: str) -> bytes:
    """A PNG in the language of `own`, with the same in another one beside it. `hour` are the visits of 60 minutes,
    and `time` says which. Characters that have no part are left out.
    """
    canvas = Canvas()
    canvas.put("mark", LEFT, MARK_TOP)
    canvas.put("brand en", BRAND_LEFT, BRAND_TOP)
    canvas.put("brand bn", RIGHT - parts()["brand bn"].width, BRAND_TOP)
    large, small = sizes(own.number, other.number)
    for written, size, ends in ((own, large, False), (other, small, True)):
        label = f"label {written.language}"
        canvas.put(label, RIGHT - parts()[label].width if ends else LEFT, LABEL_TOP)
        for text, pixels, top in ((written.number, size, _line_top(size)), (written.day, 40, DAY_TOP)):
            canvas.write(pixels, text, RIGHT - length(pixels, text) if ends else LEFT, top)
    canvas.bars(hour)
    caption = f"caption {own.language}"
    canvas.put(caption, LEFT, CAPTION_TOP)
    canvas.write(30, time, LEFT + parts()[caption].width + 2 * SPACE, CAPTION_TOP)
    return canvas.as_png()


def length(size: int, text: str) -> int:
    """Pixels."""
    words = text.split()
    return sum(parts()[each].width for word in words for each in _spelt(size, word)) + SPACE * (len(words) - 1)


def _spelt(size: int, word: str) -> list[str]:
    """The names of its parts: some words are drawn as a whole."""
    names = [f"{size} {word}"] if f"{size} {word}" in parts() else [f"{size} {each}" for each in word]
    return [name for name in names if name in parts()]


def sizes(own: str, other: str) -> tuple[int, int]:
    """The largest at which both fit beside each other."""
    pairs = [pair for pair in product(LARGE, SMALL) if pair[0] >= pair[1]]
    fits = (each for each in pairs if length(each[0], own) + GAP + length(each[1], other) <= RIGHT - LEFT)
    return next(fits, pairs[-1])


def _line_top(size: int) -> int:
    zero = parts()[f"{size} 0"]
    return BASELINE - zero.top - zero.height


class Canvas:
    """Rows of pixels as PNG has them: each behind a byte that says how it is filtered, which is not at all."""

    def __init__(self) -> None:
        self._rows = bytearray((WIDTH + 1) * HEIGHT)

    def write(self, size: int, text: str, left: int, top: int) -> None:
        """Up to RIGHT."""
        for word in text.split():
            for name in _spelt(size, word):
                if left + parts()[name].width <= RIGHT:
                    self.put(name, left, top)
                    left += parts()[name].width
            left += SPACE

    def put(self, name: str, left: int, top: int) -> None:
        width, height, offset, shades = parts()[name]
        for row in range(height):
            at = self._at(left, top + offset + row)
            self._rows[at : at + width] = shades[row * width : (row + 1) * width]

    def bars(self, values: Sequence[int]) -> None:
        """At the lower edge, as wide as the picture."""
        self._fill(0, GROUND, WIDTH, GROUND_SHADE)
        most = max(LEAST, *values)
        for column, value in enumerate(values):
            self._fill(COLUMN * column + (COLUMN - BAR) // 2, TALLEST * value // most, BAR, BAR_SHADE)

    def as_png(self) -> bytes:
        header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, PALETTE_COLORS, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"PLTE", PALETTE), (b"IDAT", zlib.compress(self._rows, FASTEST)), (b"IEND", b""))
        return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)

    def _fill(self, left: int, height: int, width: int, shade: int) -> None:
        line = bytes([shade]) * width
        for top in range(HEIGHT - height, HEIGHT):
            at = self._at(left, top)
            self._rows[at : at + width] = line

    def _at(self, left: int, top: int) -> int:
        return top * (WIDTH + 1) + 1 + left


def _palette() -> bytes:
    """From the background to white."""
    ends = [*zip(GREEN, WHITE, strict=True)]
    return bytes(green + (white - green) * step // 255 for step in range(256) for green, white in ends)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PALETTE = _palette()
