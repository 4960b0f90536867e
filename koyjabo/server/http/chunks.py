"""Finds the end of a chunked body (RFC 9112, 7.1)."""

from http import HTTPStatus

from .refused import Refused

MAX_CHUNKS = 1_000
"""Maximum number of chunks in a body. Handling a chunk takes as long as handling 5 KB within one chunk."""

MAX_SIZE_LINE_BYTES = 1024
"""Maximum length of a line with a chunk size and its extensions, in bytes."""


class Chunks:
    """Finds the end of a chunked body by reading only chunk sizes. llhttp gets the same bytes, and checks them."""

    __slots__ = ("_count", "_left", "_line", "are_over")

    def __init__(self) -> None:
        self.are_over = False  # the last, empty chunk has begun; trailers and an empty line follow
        self._line = b""  # the first part of an incomplete size line
        self._left = self._count = 0

    def end_in(self, data: bytes, at: int) -> int:
        """The position after the last chunk in `data`, starting at `at`, or the length of `data`. Raises Refused."""
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
        if len(self._line) > MAX_SIZE_LINE_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self._line.endswith(b"\n"):
            size = _size(self._line)
            self.are_over, self._left, self._line = not size, size + len(b"\r\n"), b""
            self._count += 1
            if self._count > MAX_CHUNKS:
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return end


def _size(line: bytes) -> int:
    """The size in a chunk's first line; 0 for a line without one, which llhttp will refuse."""
    try:
        return max(0, int(line.partition(b";")[0], 16))
    except ValueError:
        return 0
