"""Bodies that come in chunks (RFC 9112, 7.1), where eventlet reads whatever a client sends.

It relies on an input of eventlet's reading lines between chunks without a length, and chunks with one (0.41.3, pinned).
"""

from __future__ import annotations

from typing import Any

from eventlet import wsgi

MOST, LONGEST_LINE = 512 * 1024, 4096
"""Bytes of a chunked body with all that stands around its chunks, and of a line of that."""


class ChunkedFile:
    """Where a chunked body is read from. What stands around the chunks counts as well: lengths, extensions and trailers
    may go on for ever, and eventlet would keep the longest line in memory, and nobody else's turn would come.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MOST

    def read(self, size: int) -> bytes:
        return self._count(self._file.read(min(size, self._left + 1)))

    def readline(self, size: int | None = None) -> bytes:
        """Of `size` at most in a chunk, and else a whole one of those between."""
        line = self._count(self._file.readline(LONGEST_LINE if size is None else min(size, self._left + 1)))
        if size is None and len(line) == LONGEST_LINE:
            raise wsgi.ChunkReadError("a line between chunks is too long")
        return line

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise wsgi.ChunkReadError("too much stands between the chunks")
        return data
