"""Finds the end of the chunks of a body (RFC 9112, 7.1), so that llhttp can be given many at once."""

from __future__ import annotations

from http import HTTPStatus

from koyjabo.server.http.refusals import Refused

MOST_CHUNKS = 1_000
"""In a body. Each costs as much time as 5 KB of one chunk."""

LONGEST_SIZE_LINE = 1024
"""With its extensions, bytes."""


class Chunks:
    """Reads sizes alone: whether they are well-formed is for llhttp to say, which gets the same bytes."""

    __slots__ = ("_count", "_left", "_line", "are_over")

    def __init__(self) -> None:
        self.are_over = False  # the last one has begun, which is empty: trailers and an empty line follow
        self._line = b""  # the beginning of a line with a size that is not whole yet
        self._left = self._count = 0

    def end_in(self, data: bytes, at: int) -> int:
        """Where they end in `data` from `at` on, or where it ends. Raises Refused."""
        while at < len(data) and not self.are_over:
            if self._left:
                skipped = min(self._left, len(data) - at)
                self._left -= skipped
                at += skipped
            else:
                at = self._begin(data, at)
        return at

    def _begin(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > LONGEST_SIZE_LINE:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self._line.endswith(b"\n"):
            size = _size(self._line)
            self.are_over, self._left, self._line = not size, size + len(b"\r\n"), b""
            self._count += 1
            if self._count > MOST_CHUNKS:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return end


def _size(line: bytes) -> int:
    """0 for a line without a size, which llhttp refuses."""
    try:
        return max(0, int(line.partition(b";")[0], 16))
    except ValueError:
        return 0
