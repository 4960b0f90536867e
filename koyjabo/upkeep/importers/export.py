"""Opens exports from other programs, describes what was imported from them, and names files that cannot be imported.

An export is a CSV, gzip or zip file, recognised by its first bytes. It is read line by line, in constant memory. Text
is in UTF-8, or in UTF-16 with a byte-order mark, as Matomo and spreadsheets write it.
Nothing is unpacked to disk.
"""

import gzip
import io
import re
import struct
import zipfile
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple, cast

from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.file_lines import SupportsReadline
from koyjabo.base.core.runtime import Advance
from koyjabo.reports.visit_log.import_file import BadLine, Refuse, csv_records
from koyjabo.reports.visit_log.importing import Imported
from koyjabo.upkeep.recounts.recount_queries import Totals
from .queries import Difference

GZIP, ZIP, EMPTY_ZIP = b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
OF_MACOS = "__MACOSX/"
"""A folder of file metadata that macOS adds to archives."""

MAX_RATIO, ALWAYS_ALLOWED_BYTES = 200, 100_000_000
"""An archive may unpack to this many times its size or to this many bytes, whichever is more. Exports unpack to 5 to 30
times their size.
"""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Common compression methods. With other methods, zipfile decompresses 4 KB at once, which may expand to gigabytes."""

LARGEST_LIST = 1_000_000
"""Maximum size of an archive's table of contents, bytes: about 10,000 files. Reading it takes 15 times as
much memory.
"""

LIES = (struct.error, ValueError, LookupError, OverflowError)
DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, *LIES)
"""Errors raised when reading an archive: RuntimeError if it has a password, LIES for false sizes and invalid names."""


class ArchiveMember(NamedTuple):
    """A file in an export."""

    name: str  # without folders
    open: Callable[[], IO[bytes]]


class Export:
    """An export. `file` must be seekable. `advance` is called with the number of bytes read. Raises Unusable."""

    def __init__(self, file: IO[bytes], name: str, report: "ImportReport", advance: Advance) -> None:
        self._file = file
        self._report = report
        self._advance = advance
        size = file.seek(0, io.SEEK_END)
        self._room = max(ALWAYS_ALLOWED_BYTES, size * MAX_RATIO)  # how much more may be unpacked, bytes
        self._at = 0
        file.seek(0)
        is_archive = file.read(4) in (ZIP, EMPTY_ZIP)
        self.members = _zipped(file) if is_archive else [ArchiveMember(name, self._from_start)]

    def _from_start(self) -> Any:
        self._file.seek(0)
        return _Shared(self._file)

    def tables(self) -> "Iterator[ExportTable]":
        """Yield a table for each CSV file. Unusable lines go to the report."""
        for member in self.members:
            if len(self.members) == 1 or member.name.lower().endswith((".csv", ".csv.gz")):
                yield ExportTable(self.records(member), self._refusing(member))

    def records(self, member: ArchiveMember) -> "Iterator[Record]":
        """The records in a file. Unusable ones go to the report."""
        lines = csv_records(self.lines(member), self._refusing(member))
        return ((record.first, record.values) for record in lines)

    def lines(self, member: ArchiveMember) -> SupportsReadline:
        try:
            stream = member.open()
        except DAMAGE as error:
            raise _damaged(error) from None
        self._at = self._file.tell()
        return _Lines(stream, self)

    def has_read(self, size: int) -> None:
        """Count unpacked bytes, and report how far the file was read."""
        self._room -= size
        if self._room < 0:
            raise Unusable(f"The archive expands to more than {MAX_RATIO} times its size.")
        at = self._file.tell()
        if at > self._at:
            self._advance(at - self._at)
            self._at = at

    def _refusing(self, member: ArchiveMember) -> Refuse:
        """A function that reports a bad line, with its file's name if there are several files."""
        if len(self.members) == 1:
            return self._report.refuse
        return lambda error: self._report.refuse(BadLine(error.number, f"{error.why} ({member.name})"))


class _Lines:
    """The lines of a member of an export."""

    def __init__(self, stream: IO[bytes], export: Export) -> None:
        self._stream: Any = io.BufferedReader(cast(Any, stream))
        self._export = export
        if self._starts_with(GZIP):
            self._stream = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=self._stream)))
        if self._starts_with(*UTF_16):
            self._stream = _Utf8(io.TextIOWrapper(self._stream, "utf-16", newline="\n"))

    def readline(self, size: int, /) -> bytes:
        line = self._reading(lambda: self._stream.readline(size))
        self._export.has_read(len(line))
        return line

    def _starts_with(self, *marks: bytes) -> bool:
        return self._reading(lambda: self._stream.peek(2)).startswith(marks)

    def _reading(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except DAMAGE as error:
            raise _damaged(error) from None


class _Utf8:
    """The lines of a text, in UTF-8."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text

    def readline(self, size: int, /) -> bytes:
        return self._text.readline(size).encode()


class _Shared:
    """Wraps a file that stays open when one of its readers is deleted."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None: ...


class _Bounded(_Shared):
    """Wraps an archive to limit the size of its table of contents, which zipfile reads all at once."""

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_LIST:
            raise Unusable("The archive has too many files for an export.")
        return self._file.read(size)


def _zipped(file: IO[bytes]) -> list[ArchiveMember]:
    try:
        archive = zipfile.ZipFile(cast(Any, _Bounded(file)))
    except DAMAGE as error:
        raise _damaged(error) from None
    if any(info.compress_type not in METHODS for info in archive.infolist()):
        raise Unusable("The archive uses an unsupported compression method. Compress it again with Deflate.")
    return [
        ArchiveMember(_shown(PurePosixPath(info.filename).name), lambda info=info: archive.open(info))  # type: ignore[misc]
        for info in archive.infolist()
        if not info.filename.endswith("/") and not info.filename.startswith(OF_MACOS)
    ]


def _shown(name: str) -> str:
    """A file name that is safe to print: without control characters, which could affect the operator's terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def _damaged(error: Exception) -> Unusable:
    return Unusable(f"The file cannot be read completely ({str(error) or 'it ends early'}). Export it again.")


NULLS = frozenset({"", "\\N", "NULL"})
"""Texts that databases write for a missing value in a CSV file."""

Record = tuple[int, list[str]]
"""A record's first line number and its values. A blank line has no values."""

Values = dict[str, str]


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


MAX_NUMBERS = 20
"""Maximum number of line numbers listed per reason."""


class ImportReport:
    """The result of an import. `visits` and `page_views` are the numbers in the file. `left_out` counts lines that are
    not visits, by kind.
    """

    def __init__(self) -> None:
        self.imported = Imported(0, 0)
        self.difference: Difference | None = None  # made by daily sums
        self.totals = Totals(0, 0)
        self.visits = 0
        self.page_views = 0
        self.left_out: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._numbers: dict[str, list[int]] = {}

    def refuse(self, error: BadLine) -> None:
        """Record a refused line."""
        numbers = self._numbers.setdefault(error.why, [])
        if len(numbers) < MAX_NUMBERS:
            numbers.append(error.number)
        self._refused[error.why] += 1

    @property
    def added(self) -> int:
        """Number of visits added by daily sums."""
        return self.totals.after - self.totals.before

    @property
    def refused(self) -> int:
        """Number of refused lines."""
        return self._refused.total()

    def refusals(self) -> list[tuple[str, int, list[int]]]:
        """Refused lines by reason: how many there are, and the numbers of the first ones."""
        return [(why, count, self._numbers[why]) for why, count in self._refused.items()]

    def sentences(self) -> Iterator[str]:
        """The report for the operator, in English."""
        if self.difference:
            before, after = self.totals
            yield (
                f"Added {_count(self.added, 'visit')} from {_count(len(self.difference.more), 'day')} to the total, "
                f"which was {before:,} and is now {after:,}. These are daily sums: they count in the total but not in "
                "reports, because the file has no individual visits."
            )
            yield f"Days already added by an earlier import: {self.difference.known:,}."
            if fewer := self.difference.fewer:
                days = _some(fewer, len(fewer))
                yield f"Days with fewer visits in this file than were added before (left unchanged): {days}."
        else:
            new, known = self.imported
            yield f"Imported {_count(new, 'visit')}; {known:,} were already stored."
            yield f"The file has {_count(self.page_views, 'page view')} in {_count(self.visits, 'visit')}."
        if self.left_out:
            named = "; ".join(f"{what}: {count:,}" for what, count in self.left_out.items())
            yield f"Not imported, because they are not visits: {named}."
        for why, count in self._refused.items():
            numbers = _some([f"{number:,}" for number in self._numbers[why]], count)
            yield f"Not imported, line{'s' * (count > 1)} {numbers}: {why}."


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' * (number != 1)}"


def _some(names: list[str], count: int) -> str:
    shown = ", ".join(names[:MAX_NUMBERS])
    return f"{shown} and {count - MAX_NUMBERS:,} more" if count > MAX_NUMBERS else shown


OWN = "koyjabo"
"""The program name for our own exports."""

NAMES = {"umami": "Umami", "goatcounter": "GoatCounter", "plausible": "Plausible", "ga4": "Google Analytics 4"}

READ_BYTES, READ_FILES = 600, 50
"""How much of each file is read, and the maximum number of files."""

IMPORTABLE = {
    OWN: r"\bvisitor_?id\b.*\bat\b|\bat\b.*\bvisitor_?id\b",
    "goatcounter": r'^"?[12]Path\b',
    "umami": r"\bvisit_id\b.*\bevent_type\b|\bevent_type\b.*\bvisit_id\b",
    "plausible": r'^"?date"?,"?visitors"?,"?pageviews"?,"?bounces"?,"?visits"?,"?visit_duration\b',
    "ga4": r"^# -{10,}\n#|^Nth day,|\bPage path and screen class\b",
}
"""Files that are imported, by program."""

REFUSED = {
    r"^hit_stats\.jsonl$": "This is GoatCounter's JSON export, which has sums without visits. In GoatCounter: "
    "Settings, Export, Export to CSV.",
    r"^x,(?:t,)?y\b": "This is an export from Umami's dashboard. It has sums without dates, which cannot be counted. "
    "Export Umami's tables: docs/import-export.md#umamis-tables.",
    r"\bviews_per_visit\b": "This is an export from Plausible's dashboard, which is filtered and may be by hour or "
    "month. In Plausible: Settings, Imports & exports, Prepare export.",
    r"^imported_\w+\.csv$": "This is a part of Plausible's export. Import the whole archive, or its file "
    "imported_visitors.",
    r"\bidVisit\b|\bnb_(?:uniq_visitors|visits)\b|\bUnique visitors,": "This is from Matomo. Its reports have no "
    "visits, but its list of visits can be converted: docs/import-export.md#matomos-visits.",
    r"^(?:PGDMP|SQLite format 3|-- (?:\w+ )*dump\b|/\*!\d|CREATE TABLE |INSERT INTO )": "This is a dump of a database. "
    "Restore it, and export its tables as CSV: docs/import-export.md#umamis-tables.",
    r"^\[Content_Types\]\.xml$|vnd\.oasis\.opendocument|^\xd0\xcf\x11\xe0": "This is a spreadsheet. Save it as CSV.",
    r"^\s*<(?:!doctype html|html)\b": "This is a web page, such as a login form. Log in to the program, and download "
    "the export again.",
    r"^(?:7z\xbc\xaf|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|Rar!)|\0ustar": "The file is packed in an unsupported way. Unpack "
    "it, or pack it with gzip or zip.",
    r"\A.*\n(?:\[|\{|<\?xml)": "This file is JSON or XML. Export it as CSV.",
    r"\A.*\n[^,\n]*[;\t]": "The columns are separated by semicolons or tabs. Save the file with commas.",
}


def unusable(export: Export, program: str, otherwise: str) -> Unusable:
    """The reason why an export cannot be imported as `program`: what the file is, or `otherwise` if that is unknown."""
    starts = [*islice(_starts(export), READ_FILES)]
    for other, pattern in IMPORTABLE.items():
        if other != program and any(re.search(pattern, start, re.MULTILINE) for start in starts):
            if other == OWN:
                return Unusable("This file has the columns of Koy Jabo Live. Import it without --program.")
            return Unusable(f"This file is from {NAMES[other]}. Choose that program (--program {other}).")
    for pattern, sentence in REFUSED.items():
        if any(re.search(pattern, start, re.MULTILINE | re.IGNORECASE) for start in starts):
            return Unusable(sentence)
    return Unusable(otherwise)


def _starts(export: Export) -> Iterator[str]:
    """The name and the first lines of each file."""
    for member in export.members:
        lines, start = export.lines(member), b""
        while len(start) < READ_BYTES and (line := lines.readline(READ_BYTES)):
            start += line
        yield f"{member.name}\n{start.removeprefix(BOM_UTF8).decode('latin-1')}"
