"""Compresses pages and data with gzip, for clients that accept it.

The length of a compressed response reveals whether something in the request repeats a secret in the response (BREACH).
Therefore CSRF tokens get a new mask in each response (`page_login`), responses to requests with cookies get a random
length, and responses to forms are not compressed, because they may show new codes and keys.
"""

import gzip
from gzip import GzipFile
from io import BytesIO
from secrets import randbelow

from flask import Flask, Response, current_app, request

PACKED_TYPES = {"text/html", "application/json"}
PACKED_METHODS = {"GET", "HEAD"}
MIN_PACKED_BYTES = 1024
"""Responses shorter than this are not compressed, bytes, because they fit into one packet."""

GZIP_LEVEL = 6
MAX_PADDING_BYTES = 100
"""Maximum number of random bytes added in gzip's file name field (RFC 1952), as in Django's GZipMiddleware."""


def init_app(app: Flask) -> None:
    app.after_request(pack)


def kept(packed: bytes) -> Response:
    """A JSON response from compressed data, with an ETag. Clients that do not support gzip get it decompressed."""
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(packed if is_packed else gzip.decompress(packed), mimetype="application/json")
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


def pack(response: Response) -> Response:
    """Compress a response. Skips streamed responses (exports, files) and responses with an ETag, which identifies the
    exact bytes.
    """
    if not _is_worth_packing(response):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0:
        packed, padding = BytesIO(), randbelow(MAX_PADDING_BYTES) if request.cookies else 0
        with GzipFile("a" * padding, "wb", GZIP_LEVEL, packed, mtime=0) as file:
            file.write(response.get_data())
        response.set_data(packed.getvalue())
        response.headers["Content-Encoding"] = "gzip"
    return response


def _is_worth_packing(response: Response) -> bool:
    if request.method not in PACKED_METHODS or response.mimetype not in PACKED_TYPES or not response.is_sequence:
        return False
    if {"Content-Encoding", "ETag"} & set(response.headers.keys()):
        return False
    # The fast path does not have this layer (decision 48).
    if hasattr(current_app.view_functions.get(request.endpoint or ""), "handler"):
        return False
    return (response.calculate_content_length() or 0) >= MIN_PACKED_BYTES
