"""Reads lines from files that are being restored."""

from collections.abc import Iterator
from itertools import count
from typing import Protocol

MAX_LINE_LENGTH = 1_000_000
"""Maximum length of a line, bytes."""


class SupportsReadline(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class LineTooLong(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"Line {number} is longer than 1 MB")
        self.number = number


def lines(file: SupportsReadline) -> Iterator[bytes]:
    """Yield the lines of a file, in constant memory. Raises LineTooLong."""
    for number in count(1):
        line = file.readline(MAX_LINE_LENGTH + 1)
        if len(line) > MAX_LINE_LENGTH:
            raise LineTooLong(number)
        if not line:
            return
        yield line
