"""A mark: a small picture as SVG or PNG. No script in it runs, because the policy of data forbids it."""

import hashlib
import struct
import zlib
from typing import NamedTuple
from xml.etree import ElementTree

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_

MAX_MARK_BYTES = 64 * 1024
MAX_MARK_PIXELS = 2048
"""Maximum width and height of a PNG, so that no phone has to unpack more than 16 MB."""

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
SVG_ROOT = "{http://www.w3.org/2000/svg}svg"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNK = struct.Struct(">I4s")
PNG_HEADER_BYTES = 13
DIGEST_LENGTH = 16

LARGE_MARK = N_("A mark has at most 64 KB. Make the picture smaller: it is shown about 32 pixels high.")
WRONG_PICTURE = N_("This is not an SVG or PNG file. Choose one of these.")
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
    """The mark in a file. Raises InvalidInput with the reason for `mark`."""
    why = ""
    if len(content) > MAX_MARK_BYTES:
        why = LARGE_MARK
    elif content.startswith(PNG_SIGNATURE):
        kind, why = "png", _problem_of_png(content)
    else:
        kind, why = "svg", "" if _is_svg(content) else WRONG_PICTURE
    if why:
        raise InvalidInput(details={"mark": why})
    return Mark(kind, content, hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH])


def _is_svg(content: bytes) -> bool:
    try:
        return ElementTree.fromstring(content).tag == SVG_ROOT
    except (ElementTree.ParseError, LookupError, ValueError):  # an unknown or unsupported encoding
        return False


def _problem_of_png(content: bytes) -> str:
    """Why a file that begins like a PNG cannot be used, or ""."""
    at, names, size = len(PNG_SIGNATURE), [], (0, 0)
    while at + 12 <= len(content):
        length, name = PNG_CHUNK.unpack_from(content, at)
        end = at + 8 + length
        if end + 4 > len(content) or zlib.crc32(content[at + 4 : end]) != int.from_bytes(content[end : end + 4]):
            return DAMAGED_PICTURE
        if name == b"IHDR" and length == PNG_HEADER_BYTES:
            size = struct.unpack_from(">II", content, at + 8)
        names.append(name)
        at = end + 4
    is_whole = names[:1] == [b"IHDR"] and b"IDAT" in names and names[-1:] == [b"IEND"] and at == len(content)
    if not is_whole or not min(size):
        return DAMAGED_PICTURE
    return TOO_MANY_PIXELS if max(size) > MAX_MARK_PIXELS else ""
