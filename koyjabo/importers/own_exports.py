"""Reads our own visit exports, or files with the same columns: CSV or JSON Lines, compressed or not, recognised by
their contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from koyjabo.core import spreadsheet
from koyjabo.core.file_lines import LONGEST_LINE, SupportsReadline
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.visit_log import import_file
from koyjabo.visit_log.file_lines import BadLine, Refuse
from koyjabo.visit_log.import_file import ImportedLine

NO_VISITS = (
    "This file has no visits: its first line must name the columns, including visitor_id and at. Daily sums cannot be "
    "imported: export visits, or choose the program that exported the file."
)
SEVERAL = "The archive has several files. Import the one with the visits."


class _FromFirst:
    """Yields lines, including the first one, which was already read."""

    def __init__(self, first: bytes, rest: SupportsReadline) -> None:
        self._first = first
        self._rest = rest

    def readline(self, size: int, /) -> bytes:
        first, self._first = self._first, b""
        return first or self._rest.readline(size)


def read(export: Export, zone: ZoneInfo, refuse: Refuse) -> Iterator[ImportedLine]:
    """Read visits. Times without an offset are in `zone`. Raises UnusableExport."""
    if len(export.members) != 1:
        raise UnusableExport(SEVERAL)
    lines = export.lines(export.members[0])
    first = lines.readline(LONGEST_LINE + 1)
    kind = spreadsheet.JSON_LINES if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else spreadsheet.CSV
    try:
        yield from import_file.read(_FromFirst(first, lines), kind, zone, lambda read: None, refuse)
    except BadLine:
        raise UnusableExport(NO_VISITS) from None
