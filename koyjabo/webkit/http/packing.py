"""Sends pages and data in gzip, to clients that accept it.

The length of a packed answer tells whether a secret in it is repeated by something that the request brought (BREACH).
So CSRF tokens are masked anew in each answer (`page_login`), answers to requests with cookies have a random length, and
answers to forms, which may show new codes and keys, are sent as they are.
"""

from __future__ import annotations

import gzip
from gzip import GzipFile
from io import BytesIO
from secrets import randbelow

from flask import Flask, Response, current_app, request

TYPES = {"text/html", "application/json"}
METHODS = {"GET", "HEAD"}
SMALLEST = 1024
"""Shorter answers are sent as they are, bytes: they fit into one packet."""

LEVEL = 6
MOST_PADDING = 100
"""Bytes that are added at random, as Django's GZipMiddleware does, in the field of gzip for a file name (RFC 1952)."""


def init_app(app: Flask) -> None:
    app.after_request(pack)


def kept(packed: bytes, mimetype: str) -> Response:
    """An answer that was made and packed once, by `keep`, with an ETag: unpacked for a client that asks for that."""
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(packed if is_packed else gzip.decompress(packed), mimetype=mimetype)
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.add_etag()
    response.make_conditional(request)
    return response


def keep(data: bytes) -> bytes:
    """As small as gzip can: it is done once."""
    return gzip.compress(data, mtime=0)


def pack(response: Response) -> Response:
    """Answers that are made while they are sent (exports, files) stay as they are, and so do those with an ETag, which
    names these bytes.
    """
    if not _is_worth_packing(response):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        response.set_data(_gzip(response.get_data(), randbelow(MOST_PADDING) if request.cookies else 0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _is_worth_packing(response: Response) -> bool:
    if request.method not in METHODS or response.mimetype not in TYPES or not response.is_sequence:
        return False
    if {"Content-Encoding", "ETag"} & set(response.headers.keys()) or _has_lane():
        return False
    return (response.calculate_content_length() or 0) >= SMALLEST


def _has_lane() -> bool:
    """Whether the request might have been answered without Flask, and thus without this layer (decision 48)."""
    return hasattr(current_app.view_functions.get(request.endpoint or ""), "handler")


def _gzip(data: bytes, padding: int) -> bytes:
    packed = BytesIO()
    with GzipFile("a" * padding, "wb", LEVEL, packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()
