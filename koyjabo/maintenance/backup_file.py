"""A backup as a file: one format for both databases, which other programs can read as well (docs/backup.md).

Lines of JSON, compressed by gzip: a head; each table with its columns, and its rows as arrays; and at the end how many
rows there were, with a hash of all lines before, so that a file which was cut or changed is never taken for whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from koyjabo.errors import KoyJaboError

FORMAT = 1
COMPRESSION = 3
"""The higher levels take several times as long for a tenth less."""

AT_ONCE = 1_000
"""Rows in a piece."""


CUT_OFF = "The backup is cut off: its end is missing."


class UnusableBackup(KoyJaboError):
    """This file cannot be restored; the sentence says why."""


class Head(NamedTuple):
    """What a backup says of itself."""

    schema: str  # the newest migration of the database it was made of
    made_ms: int
    epoch: int
    total: int
    rows: dict[str, int]  # by table


class Piece(NamedTuple):
    """Some rows of a table, in the order of its columns."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


class Writer:
    """Writes one backup: `head`, then for each table `table` and `rows`, then `end`."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=COMPRESSION, filename="", mtime=0)
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
        self._zip.close()

    def _write(self, values: Iterable[Any]) -> None:
        lines = "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values).encode()
        self._hash.update(lines)
        self._zip.write(lines)


def head(path: Path) -> Head:
    """Raises UnusableBackup for a file that is none, or is of a program that came later."""
    with _reading(path) as lines:
        return _head(next(lines, b""))


def pieces(path: Path) -> Iterator[Piece]:
    """All rows, table by table. Raises UnusableBackup as soon as something is seen to be wrong with the file, and that
    may be at the end: only who has come there may use what came.
    """
    with _reading(path) as lines:
        first = next(lines, b"")
        _head(first)
        yield from _Body(first).read(lines)


class _Body:
    def __init__(self, first: bytes) -> None:
        self._hash = hashlib.sha256(first)
        self._counted: Tally[str] = Tally()
        self._said: dict[str, Any] | None = None
        self._table, self._columns = "", [""]

    def read(self, lines: Iterator[bytes]) -> Iterator[Piece]:
        waiting: list[list[Any]] = []
        for line in lines:
            value = json.loads(line)
            if isinstance(value, list):
                waiting.append(value)
                if len(waiting) < AT_ONCE:
                    self._hash.update(line)
                    continue
            if waiting:
                yield self._piece(waiting)
                waiting = []
            if isinstance(value, dict) and "end" in value:
                self._check(value, next(lines, b""))
                return
            self._hash.update(line)
            if isinstance(value, dict):
                self._table, self._columns = value["table"], value["columns"]
                self._counted[self._table] = 0
        raise UnusableBackup(CUT_OFF)

    def _piece(self, rows: list[list[Any]]) -> Piece:
        self._counted[self._table] += len(rows)
        return Piece(self._table, self._columns, rows)

    def _check(self, said: dict[str, Any], more: bytes) -> None:
        if more or said["sha256"] != self._hash.hexdigest() or said["rows"] != dict(self._counted):
            raise UnusableBackup("The backup was changed since it was made: its contents do not match its end.")


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file; whatever shows that it is no backup comes out as UnusableBackup."""
    try:
        with gzip.open(path, "rb") as file:
            yield iter(file)
    except EOFError:
        raise UnusableBackup(CUT_OFF) from None
    except (gzip.BadGzipFile, zlib.error, ValueError, KeyError, TypeError):
        raise UnusableBackup("The file is damaged, or it is not a backup of this program.") from None
    except OSError as error:
        raise UnusableBackup(f"The backup cannot be read: {error.strerror or error}.") from None


def _head(line: bytes) -> Head:
    said = json.loads(line)
    if said.pop("koyjabo_backup") != FORMAT:
        raise UnusableBackup("A newer version of this program made the backup. Restore it with that version.")
    return Head(**said)
