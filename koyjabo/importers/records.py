"""Reads CSV (RFC 4180). Reports and skips unusable lines."""

from __future__ import annotations

from collections.abc import Iterator

from koyjabo.core.file_lines import SupportsReadline
from koyjabo.visit_log.file_lines import BadLine, Refuse, csv_records

NULLS = frozenset({"", "\\N", "NULL"})
"""Texts that databases write for a missing value in a CSV file."""

Record = tuple[int, list[str]]
"""A record's first line number and its values. A blank line has no values."""

Values = dict[str, str]


def records(lines: SupportsReadline, refuse: Refuse) -> Iterator[Record]:
    """The records in a file. Calls `refuse` for each unusable line and continues after it."""
    return ((record.first, record.values) for record in csv_records(lines, refuse))


class ExportTable:
    """The rows below a CSV file's header: their line numbers, and their values by column, without missing values."""

    def __init__(self, rows: Iterator[Record], refuse: Refuse) -> None:
        self.columns = next((values for _, values in rows if values), [])
        self._rows = rows
        self._refuse = refuse

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        for number, values in self._rows:
            if values and len(values) != len(self.columns):
                self.refuse(number, "the numbers of values and columns differ")
            elif values:
                pairs = zip(self.columns, values, strict=True)
                yield number, {name: value for name, value in pairs if value not in NULLS}

    def refuse(self, number: int, why: str) -> None:
        self._refuse(BadLine(number, why))
