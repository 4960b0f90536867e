"""A mark: a small picture as SVG or PNG. `drawing` says what an SVG may have."""

import hashlib
import struct
import zlib
from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from .drawing import drawing_of, refusal

MAX_MARK_BYTES = 64 * 1024
MAX_MARK_PIXELS = 2048
"""Maximum width and height of a PNG, so that no phone has to unpack more than 16 MB."""

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNK = struct.Struct(">I4s")
PNG_HEADER_BYTES = 13
DIGEST_LENGTH = 16

LARGE_MARK = N_("A mark has at most 64 KB. Make the picture smaller: it is shown about 32 pixels high.")
DAMAGED_PICTURE = N_("The file is damaged. Save the picture again.")
TOO_MANY_PIXELS = N_("A mark is at most 2,048 pixels wide and high.")


class Mark(NamedTuple):
    kind: str  # of MEDIA_TYPES
    content: bytes
    digest: str

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.kind]


def mark_of(content: bytes) -> Mark:
    """The mark in a file, or in a row of the database. Raises InvalidInput with the reason for `mark`."""
    if len(content) > MAX_MARK_BYTES:
        raise refusal(LARGE_MARK)
    kind = "png" if content.startswith(PNG_SIGNATURE) else "svg"
    if kind == "svg":
        content = drawing_of(content)
    elif why := _problem_of_png(content):
        raise refusal(why)
    if len(content) > MAX_MARK_BYTES:
        raise refusal(LARGE_MARK)
    return Mark(kind, content, hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH])


def _problem_of_png(content: bytes) -> str:
    """Why a file that begins like a PNG cannot be used, or ""."""
    names: list[bytes] = []
    at, size = len(PNG_SIGNATURE), (0, 0)
    while at + 12 <= len(content):
        length, name = PNG_CHUNK.unpack_from(content, at)
        end = at + 8 + length
        if end + 4 > len(content) or zlib.crc32(content[at + 4 : end]) != int.from_bytes(content[end : end + 4]):
            return DAMAGED_PICTURE
        if name == b"IHDR" and names:
            return DAMAGED_PICTURE  # programs may believe either header
        if name == b"IHDR" and length == PNG_HEADER_BYTES:
            size = struct.unpack_from(">II", content, at + 8)
        names.append(name)
        at = end + 4
    is_whole = names[:1] == [b"IHDR"] and b"IDAT" in names and names[-1:] == [b"IEND"] and at == len(content)
    if not is_whole or not min(size):
        return DAMAGED_PICTURE
    return TOO_MANY_PIXELS if max(size) > MAX_MARK_PIXELS else ""
