"""The format of backup files: the same for both kinds of database, and readable by other programs (docs/backup.md).

A file consists of gzip-compressed lines of JSON: a head, then, for every table, a line with its columns followed by its
rows as arrays. The last line has the row counts and a SHA-256 of all previous lines, which reveals truncated and
modified files.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from reprlib import repr as shown
from typing import Any, BinaryIO, NamedTuple, Protocol

from koyjabo.base.core.errors import Unusable

FORMAT = 1
COMPRESSION = 3
"""The gzip level. Higher levels take several times as long to save a tenth."""

GZIP_WBITS = 16 + zlib.MAX_WBITS
"""Value that makes zlib write a gzip header and checksum."""

MAX_LINE_LENGTH = 1_000_000
"""Maximum length of a line, bytes."""

ROWS_PER_PIECE = 1_000
"""Rows per piece. A piece has at most twice MAX_LINE_LENGTH bytes."""


MAX_MOMENT_MS = 253_402_300_799_999
"""The last moment whose date has a four-digit year, ms."""

MAX_NUMBER = 2**53 - 1
"""The largest integer that all JSON clients represent exactly."""

ANOTHER_BACKUP = "The backup was changed after it was made, or another program made it. Restore another backup."

BACKUP_CHANGED = "The backup has changed since it was made: its contents do not match its checksum."

BACKUP_CUT_OFF = "The backup is truncated: its end is missing."


class SupportsReadline(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class LineTooLong(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"Line {number} is longer than 1 MB")
        self.number = number


class Head(NamedTuple):
    """The first line of a backup."""

    schema: str  # newest migration of the backed-up database
    made_ms: int
    epoch: int
    total: int
    rows: dict[str, int]  # by table


class TablePiece(NamedTuple):
    """Some rows of a table, with values in the order of its columns."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


class BackupWriter:
    """Writes one backup. Call `head`, then `table` and `rows` for each table, then `end`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Do not use a GzipFile: it would write to its file when it is closed, even after a failed backup.
        self._zip = zlib.compressobj(COMPRESSION, zlib.DEFLATED, GZIP_WBITS)
        self._hash = hashlib.sha256()
        self._rows: dict[str, int] = {}
        self._table = ""

    def head(self, head: Head) -> None:
        self._write([{"koyjabo_backup": FORMAT, **head._asdict()}])

    def table(self, name: str, columns: Sequence[str]) -> None:
        self._table = name
        self._rows[name] = 0
        self._write([{"table": name, "columns": list(columns)}])

    def rows(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows[self._table] += len(rows)
        self._write(map(list, rows))

    def end(self) -> None:
        self._write([{"end": True, "rows": self._rows, "sha256": self._hash.hexdigest()}])
        self._file.write(self._zip.flush())

    def _write(self, values: Iterable[Any]) -> None:
        lines = "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values).encode()
        self._hash.update(lines)
        self._file.write(self._zip.compress(lines))


def head(path: Path) -> Head:
    """Read the head. Raises Unusable for a file that is not a backup, or has a newer format."""
    with _reading(path) as file_lines:
        return _head(next(file_lines, b""))


def pieces(path: Path) -> Iterator[TablePiece]:
    """Yield all rows, table by table. Raises Unusable when a problem is found, possibly at the very end, so do
    not commit the rows before that.
    """
    with _reading(path) as file_lines:
        first = next(file_lines, b"")
        digest, announced = hashlib.sha256(first), _head(first).rows
        counted: dict[str, int] = {}
        table, columns = "", [""]
        waiting: list[list[Any]] = []
        size = 0
        for line in file_lines:
            value = json.loads(line)
            if isinstance(value, list):
                waiting.append(value)
                size += len(line)
                if len(waiting) < ROWS_PER_PIECE and size < MAX_LINE_LENGTH:
                    digest.update(line)
                    continue
            if waiting:
                counted[table] = counted.get(table, 0) + len(waiting)
                yield TablePiece(table, columns, waiting)
                waiting, size = [], 0
            if isinstance(value, dict) and "end" in value:
                is_whole = value["sha256"] == digest.hexdigest() and announced == value["rows"] == counted
                if next(file_lines, b"") or not is_whole:
                    raise Unusable(BACKUP_CHANGED)
                return
            digest.update(line)
            if not isinstance(value, list):
                table, columns = _table(value)
                counted[table] = 0
        raise Unusable(BACKUP_CUT_OFF)


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[bytes]]:
    """Yield the decompressed lines of a file. Turns all reading and parsing errors into Unusable."""
    try:
        with gzip.open(path, "rb") as file:
            yield _lines(file)
    except LineTooLong as error:
        raise Unusable(f"{error}, so this is not a backup made by this program. Nothing was restored.") from None
    except EOFError:
        raise Unusable(BACKUP_CUT_OFF) from None
    except (gzip.BadGzipFile, zlib.error, ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("The file is damaged, or it is not a backup made by this program.") from None
    except OSError as error:
        raise Unusable(f"The backup cannot be read: {error.strerror or error}.") from None


def _table(value: Any) -> tuple[str, list[str]]:
    """Parse the line before a table's rows: its name and columns. Raises ValueError, KeyError and TypeError."""
    name, columns = value["table"], value["columns"]
    if (
        not isinstance(name, str)
        or not isinstance(columns, list)
        or not all(isinstance(column, str) for column in columns)
    ):
        raise ValueError("it does not name a table and its columns")
    return name, columns


def _head(line: bytes) -> Head:
    """Parse the head. Raises ValueError, KeyError and TypeError."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("it is not a head")
    if values.pop("koyjabo_backup") != FORMAT:
        raise Unusable("The backup was made by a newer version of this program. Restore it with that version.")
    head = Head(**values)
    numbers = {**head.rows, "total": head.total, "epoch": head.epoch, "made_ms": head.made_ms}
    if not isinstance(head.schema, str) or set(map(type, (head.rows["visits"], *numbers.values()))) != {int}:
        raise ValueError("its values have the wrong types")
    for name, number in numbers.items():
        if not 0 <= number <= (MAX_MOMENT_MS if name in ("made_ms", "epoch") else MAX_NUMBER):
            raise Unusable(f"The first line has an impossible number, {shown(name)}: {shown(number)}. {ANOTHER_BACKUP}")
    return head


def _lines(file: SupportsReadline) -> Iterator[bytes]:
    """Yield the lines of a file, in constant memory. Raises LineTooLong."""
    for number in count(1):
        line = file.readline(MAX_LINE_LENGTH + 1)
        if len(line) > MAX_LINE_LENGTH:
            raise LineTooLong(number)
        if not line:
            return
        yield line
