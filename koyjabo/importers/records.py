"""Reads CSV (RFC 4180) whose unusable lines are named and passed over."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

from koyjabo.core.file_lines import LONGEST_LINE, SupportsReadline
from koyjabo.visit_log.import_file import TOO_LONG, BadLine

NULLS = frozenset({"", "\\N", "NULL"})
"""How databases write a missing value into a CSV file."""

Record = tuple[int, list[str]]
"""The number of the line on which it begins, and its values. A blank line has none."""

Values = dict[str, str]
Refuse = Callable[[BadLine], None]


class _Decoded:
    """The lines of a file. Unlike a generator it goes on after an error, with the next line."""

    def __init__(self, lines: SupportsReadline) -> None:
        self._lines = lines
        self._left = LONGEST_LINE
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def begin_record(self) -> None:
        """A quotation may make one record of many lines, which together are as long as a line may be."""
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


def records(lines: SupportsReadline, refuse: Refuse) -> Iterator[Record]:
    """The records of a file. Calls `refuse` for a line that is none, and goes on after it."""
    decoded = _Decoded(lines)
    reader = csv.reader(decoded, strict=True)
    while True:
        number = decoded.number + 1
        decoded.begin_record()
        try:
            values = next(reader, None)
        except (BadLine, csv.Error) as error:
            why = error.why if isinstance(error, BadLine) else "is not valid CSV"
            for lost in range(number, decoded.number + 1):  # a quotation that does not end has many
                refuse(BadLine(lost, why))
        else:
            if values is None:
                return
            yield number, values


class ExportTable:
    """The rows of a CSV file below its header: their number, and their values by column, without missing ones."""

    def __init__(self, rows: Iterator[Record], refuse: Refuse) -> None:
        self.columns = next((values for _, values in rows if values), [])
        self._rows = rows
        self._refuse = refuse

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        for number, values in self._rows:
            if values and len(values) != len(self.columns):
                self.refuse(number, "has not as many values as there are columns")
            elif values:
                pairs = zip(self.columns, values, strict=True)
                yield number, {name: value for name, value in pairs if value not in NULLS}

    def refuse(self, number: int, why: str) -> None:
        self._refuse(BadLine(number, why))
