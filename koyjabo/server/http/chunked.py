"""Limits chunked bodies (RFC 9112, 7.1), which eventlet reads without a limit.

It relies on eventlet's input reading the lines between chunks without a size, and chunks with one (0.41.3, pinned).
"""

from __future__ import annotations

from typing import Any

from eventlet import wsgi

MOST, LONGEST_LINE = 512 * 1024, 4096
"""The largest size of a chunked body with its framing, and of a line between chunks, bytes."""


class ChunkedFile:
    """A file from which a chunked body is read. The framing counts as well: lengths, extensions and trailers may be
    endless, and eventlet would keep the longest line in memory and block the other requests.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MOST

    def read(self, size: int) -> bytes:
        return self._count(self._file.read(min(size, self._left + 1)))

    def readline(self, size: int | None = None) -> bytes:
        """Read at most `size` bytes of a line in a chunk, or a whole line between chunks."""
        line = self._count(self._file.readline(LONGEST_LINE if size is None else min(size, self._left + 1)))
        if size is None and len(line) == LONGEST_LINE:
            raise wsgi.ChunkReadError("a line between chunks is too long")
        return line

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise wsgi.ChunkReadError("too much stands between the chunks")
        return data
