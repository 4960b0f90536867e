"""Reads lines and CSV records (RFC 4180) from files. Reports and skips unusable lines."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import NamedTuple

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.file_lines import LONGEST_LINE, SupportsReadline

TOO_LONG = "is longer than 1 MB"


class BadLine(KoyJaboError):
    """A line that is not a valid visit."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"Line {number}: {why}.")
        self.number = number
        self.why = why


Refuse = Callable[[BadLine], None]


class CsvRecord(NamedTuple):
    """The values of a record, and the numbers of its first and last lines. A blank line has no values."""

    first: int
    last: int
    values: list[str]


class DecodedLines:
    """The lines of a file. Unlike a generator, this continues with the next line after an error."""

    def __init__(self, lines: SupportsReadline) -> None:
        self._lines = lines
        self._left = LONGEST_LINE
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def begin_record(self) -> None:
        """Begin a record. Quotation marks may join several lines into one record. Its total length is limited like a
        line's.
        """
        self._left = LONGEST_LINE

    def __next__(self) -> str:
        line = self._lines.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._left -= len(line)
        if self._left < 0:
            self._skip(line)
            raise BadLine(self.number, TOO_LONG)
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise BadLine(self.number, "is not in UTF-8") from None

    def _skip(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._lines.readline(LONGEST_LINE)


def csv_records(lines: SupportsReadline, refuse: Refuse) -> Iterator[CsvRecord]:
    """Yield the records of a file. Calls `refuse` for a line that is not a record, and continues after it."""
    decoded = DecodedLines(lines)
    reader = csv.reader(decoded, strict=True)
    while True:
        number = decoded.number + 1
        decoded.begin_record()
        try:
            values = next(reader, None)
        except (BadLine, csv.Error) as error:
            why = error.why if isinstance(error, BadLine) else "is not valid CSV"
            for lost in range(number, decoded.number + 1):  # an unclosed quotation mark can swallow many lines
                refuse(BadLine(lost, why))
        else:
            if values is None:
                return
            yield CsvRecord(number, decoded.number, values)
