"""Paints PNG pictures in the colours of the site: icons, and the share picture with a number on flaps.

Their parts are painted in advance (tools/assets/sprites.mjs), and have numbers in place of colours.
"""

import json
import struct
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from koyjabo.base.colours.oklch import BLACK, WHITE
from koyjabo.base.colours.palette import Palette
from .mark import PNG_CHUNK, PNG_SIGNATURE

CARD_SIZE = 1200, 630
"""Width and height of the share picture, pixels: what link previews of social networks show uncropped."""

SPRITES = Path(__file__).parent / "data" / "sprites.bin"
SPRITE_MARGIN, MIXES = 8, 16
FLAPS, FLAPS_MIDDLE = ("150", "100", "74"), 360
LETTERS, LETTERS_LEFT, LETTERS_MIDDLE = ("letter 60", "letter 28"), 148, 78
"""Sizes of flaps and letters, from the largest, and where a line of them is, in pixels."""

PNG_HEADER = struct.Struct(">IIBBBBB")
INDEX_DEPTH, INDEXED_COLOURS = 8, 3


class Sprite(NamedTuple):
    width: int
    height: int
    pixels: bytes


@lru_cache(maxsize=64)
def card(palette: Palette, name: str, number: str = "") -> bytes:
    """The share picture: the name next to the ring, and on the disc the number, or a large ring if it is "". A name is
    left out if it is too long or has other letters than Latin ones: the shapes of Bangla ones depend on neighbours.
    """
    width = CARD_SIZE[0]
    flaps, letters = _line(number, FLAPS, width), _line(name, LETTERS, width - LETTERS_LEFT)
    pixels = bytearray(_sprites()["card" if flaps else "ring"].pixels)
    _put(pixels, letters, LETTERS_LEFT, LETTERS_MIDDLE)
    _put(pixels, flaps, (width - _width(flaps)) // 2, FLAPS_MIDDLE)
    return _png(palette, width, pixels)


@lru_cache(maxsize=16)
def icon(palette: Palette, size: int) -> bytes:
    """A square icon of `size` pixels: the ring on the ground. Phones crop icons, so the ring is in the middle."""
    return _png(palette, size, _sprites()[f"icon {size}"].pixels)


@cache
def _sprites() -> dict[str, Sprite]:
    sizes, pixels = zlib.decompress(SPRITES.read_bytes()).split(b"\n", 1)
    sprites, at = {}, 0
    for name, (width, height) in json.loads(sizes).items():
        sprites[name] = Sprite(width, height, pixels[at : at + width * height])
        at += width * height
    return sprites


def _line(text: str, sizes: Sequence[str], room: int) -> list[Sprite]:
    """The sprites of a text in the largest size that fits; none if no size fits, or a sign has no sprite."""
    for size in sizes:
        names = [f"{size} {sign}" for sign in text]
        sprites = [_sprites()[name] for name in names if name in _sprites()]
        if len(sprites) == len(text) and _width(sprites) <= room - 2 * SPRITE_MARGIN:
            return sprites
    return []


def _width(sprites: list[Sprite]) -> int:
    return sum(sprite.width - 2 * SPRITE_MARGIN for sprite in sprites)


def _put(pixels: bytearray, sprites: list[Sprite], left: int, middle: int) -> None:
    for width, height, sprite in sprites:
        for start in range(0, len(sprite), width):
            row = sprite[start : start + width]
            at = (middle - height // 2 + start // width) * CARD_SIZE[0] + left - SPRITE_MARGIN
            for x in compress(range(width), row):
                pixels[at + x] = row[x]
        left += width - 2 * SPRITE_MARGIN


def _png(palette: Palette, width: int, pixels: bytes | bytearray) -> bytes:
    height = len(pixels) // width
    rows = b"".join(b"\0" + pixels[start : start + width] for start in range(0, len(pixels), width))
    header = PNG_HEADER.pack(width, height, INDEX_DEPTH, INDEXED_COLOURS, 0, 0, 0)
    chunks = (b"IHDR", header), (b"PLTE", _colours(palette)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return PNG_SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _colours(palette: Palette) -> bytes:
    """The colours of the values: the ground, MIXES of each pair, from nearly the first to the second, and the hinge."""
    ground, disc, ink, tile, white, black = (
        bytes.fromhex(colour[1:])
        for colour in (
            *(palette.ground.light, palette.disc_fill.light, palette.on_ground.light, palette.tile.light),
            *(WHITE, BLACK),
        )
    )
    pairs = (ground, disc), (ground, ink), (disc, ink), (ground, tile), (tile, white)
    mixes = (
        round(below + (own - below) * part / MIXES)
        for pair in pairs
        for part in range(1, MIXES + 1)
        for below, own in zip(*pair, strict=True)
    )
    return ground + bytes(mixes) + black


def _chunk(name: bytes, data: bytes) -> bytes:
    return PNG_CHUNK.pack(len(data), name) + data + zlib.crc32(name + data).to_bytes(4)
