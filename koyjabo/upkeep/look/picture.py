"""Paints PNG pictures of circles around one centre: icons and the share picture, in the colours of the site."""

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, hypot, sqrt
from typing import NamedTuple

from koyjabo.base.colours.palette import Palette
from .mark import PNG_CHUNK, PNG_SIGNATURE

CARD_SIZE = 1200, 630
"""Width and height of the share picture, pixels: what link previews of social networks show uncropped."""

PNG_HEADER = struct.Struct(">IIBBBBB")
RGB_DEPTH, RGB_COLOURS = 8, 2


class Circle(NamedTuple):
    radius: float  # pixels
    colour: str  # #rrggbb


@lru_cache(maxsize=16)
def card(palette: Palette) -> bytes:
    """The share picture: the disc on the ground, with the site's ring."""
    ground, disc, ink = palette.ground.light, palette.disc_fill.light, palette.on_ground.light
    return _png(*CARD_SIZE, ground, [Circle(230, disc), Circle(105, ink), Circle(42, disc)])


@lru_cache(maxsize=16)
def icon(palette: Palette, size: int) -> bytes:
    """A square icon of `size` pixels: the ring on the ground. Phones crop icons, so the ring is in the middle."""
    ground, ink = palette.ground.light, palette.on_ground.light
    return _png(size, size, ground, [Circle(size * 0.32, ink), Circle(size * 0.13, ground)])


def _png(width: int, height: int, background: str, circles: Sequence[Circle]) -> bytes:
    """A picture in RGB. Later circles cover earlier ones. Their edges are smooth."""
    rows = bytearray()
    for y in range(height):
        row = bytearray(_rgb(background) * width)
        for circle in circles:
            _paint(row, width, y + 0.5 - height / 2, circle)
        rows += b"\x00" + row
    header = PNG_HEADER.pack(width, height, RGB_DEPTH, RGB_COLOURS, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return PNG_SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _paint(row: bytearray, width: int, across: float, circle: Circle) -> None:
    """Paint one row of a circle. `across` is the distance of the row's middle from the centre."""
    if abs(across) > circle.radius + 1:
        return
    colour, centre = _rgb(circle.colour), width / 2
    reach = sqrt(max(0, (circle.radius + 1) ** 2 - across**2))
    inside = sqrt(max(0, (circle.radius - 1) ** 2 - across**2)) if abs(across) < circle.radius - 1 else 0
    first, last = max(0, floor(centre - reach)), min(width, ceil(centre + reach))
    left, right = (max(first, ceil(centre - inside)), min(last, floor(centre + inside))) if inside else (last, last)
    if left < right:
        row[3 * left : 3 * right] = colour * (right - left)
    for x in (*range(first, min(left, last)), *range(max(right, left), last)):
        cover = min(1, max(0, circle.radius + 0.5 - hypot(x + 0.5 - centre, across)))
        for part, value in enumerate(colour, 3 * x):
            row[part] = round(row[part] + cover * (value - row[part]))


def _chunk(name: bytes, data: bytes) -> bytes:
    return PNG_CHUNK.pack(len(data), name) + data + zlib.crc32(name + data).to_bytes(4)


def _rgb(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])
