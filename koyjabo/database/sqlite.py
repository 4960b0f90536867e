"""SQLite: connections for all parts of the program, and the file lock of its writers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

OF_OTHERS = 0o077
BUSY_TIMEOUT_S = 4.0
"""How long a statement waits for a program that has locked the database without taking our file lock, s."""


FileNumber = tuple[int, int]
"""(device, inode). Identifies a file, even if its path now belongs to another one."""


PAGES, REST_S = 256, 0.01
"""Number of pages copied at once, and the pause afterwards, s. The pause leaves the disk and the CPU to visits."""


class OpenFile(NamedTuple):
    """The files of a database, as they were when last opened."""

    database: FileNumber | None
    log: FileNumber | None  # the write-ahead log


_opened: dict[str, OpenFile] = {}
"""The files that this process has opened, by path. They are also stored in the lock file, at OPENED_AT, for other
processes.
"""

OPENED_AT, WIDTH = 256, 96
"""Offset and length of the record of the last opened files in the lock file, bytes."""


class SqliteConnection(sqlite3.Connection):
    path: str
    file: FileNumber | None

    @property
    def is_replaced(self) -> bool:
        """Whether the path now belongs to another file or no file. Anything written through this connection would be
        lost.
        """
        return _number_of(self.path) != self.file


def connect(
    path: str, timeout_s: float = BUSY_TIMEOUT_S, instead_of: SqliteConnection | None = None
) -> SqliteConnection:
    """Open the database file in WAL mode with full sync. Callers begin transactions themselves. Only the owner may read
    and write the file (mode 0600).

    Closes the connection `instead_of`, which would otherwise stay open until the garbage collector runs, because its
    statement cache refers to it.

    Does not create a file that this process has opened before. Raises sqlite3.OperationalError if it is gone.
    """
    current = _number_of(path)
    if current is None and path in _opened:
        raise sqlite3.OperationalError(f"the database file {path} is gone")
    known = _opened.get(path) or _last_opened(path)
    if known and current != known.database:
        _discard_log(path, known)
    _make_private(path)
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False, factory=SqliteConnection
    )
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.path, connection.file = path, _number_of(path)
    _remember(path, OpenFile(connection.file, _number_of(f"{path}-wal")))
    if instead_of is not None:
        instead_of.close()
    return connection


@contextmanager
def copied(path: str, to: str) -> Iterator[str]:
    """Copy the current database to a new file, which is deleted afterwards. Writers do not wait, and their log grows
    only while the pages are copied.
    """
    _make_private(to)
    try:
        existing = f"{Path(path).absolute().as_uri()}?mode=rw"  # does not create a missing file
        with (
            closing(sqlite3.connect(existing, BUSY_TIMEOUT_S, isolation_level=None, uri=True)) as source,
            closing(sqlite3.connect(to, isolation_level=None)) as target,
        ):
            target.execute("PRAGMA synchronous = OFF")
            source.execute("BEGIN")
            # This begins the snapshot to copy. Without it, each commit would restart the copy.
            source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            source.backup(target, pages=PAGES, progress=lambda *_: time.sleep(REST_S))
        yield to
    finally:
        for file in (f"{to}.lock", f"{to}-wal", f"{to}-shm", to):
            with suppress(FileNotFoundError):
                os.unlink(file)


def _remember(path: str, opened: OpenFile) -> None:
    if opened != _opened.get(path):
        _opened[path] = opened
        numbers = " ".join(str(number) for file in opened for number in file or (0, 0))
        file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, numbers.encode().ljust(WIDTH), OPENED_AT)
        finally:
            os.close(file)


def _last_opened(path: str) -> OpenFile | None:
    """The files as another process last opened them, if known."""
    try:
        with open(f"{path}.lock", "rb") as file:
            file.seek(OPENED_AT)
            numbers = [int(number) for number in file.read(WIDTH).split()]
    except (OSError, ValueError):
        return None
    return OpenFile((numbers[0], numbers[1]), (numbers[2], numbers[3])) if len(numbers) == 4 else None


def _number_of(path: str) -> FileNumber | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _discard_log(path: str, known: OpenFile) -> None:
    """Delete the log of a file that was replaced, because SQLite would apply it to the new file. Locks the folder
    first: another process may do the same, and the log may then be a new one.
    """
    folder = os.open(Path(path).parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if known.log is not None and _number_of(f"{path}-wal") == known.log:
            for file in (f"{path}-wal", f"{path}-shm"):
                with suppress(FileNotFoundError):
                    os.unlink(file)
    finally:
        os.close(folder)


def _make_private(path: str) -> None:
    """Create a missing file, and make an existing one private. SQLite gives its other files the same mode. An existing
    file must not be opened here, because closing it would release this process's locks. Errors are ignored, because
    SQLite reports them better.
    """
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # it usually exists
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with suppress(OSError):
        if os.stat(path).st_mode & OF_OTHERS:
            for file in (f"{path}.lock", f"{path}-wal", f"{path}-shm", path):
                with suppress(OSError):  # it does not exist, or belongs to another user
                    os.chmod(file, 0o600)


MOST_BYTES = 120
"""Maximum length of the text for `FileLock.write`."""


class FileLock:
    """An advisory lock on a file next to the database, with a fair queue of processes.

    SQLite's own busy handler sleeps for increasing times, which starves one of two busy servers.
    """

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        self._file: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        file = self._opened()
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def read(self) -> bytes:
        """The text that a process last wrote while it held the lock. It outlives that process."""
        if self._file is not None:
            return os.pread(self._file, MOST_BYTES, 0)
        with suppress(OSError):  # the lock was never taken, or the file cannot be created
            return Path(self._path).read_bytes()[:MOST_BYTES]
        return b""

    def write(self, text: bytes) -> None:
        """Replace the text in the file. Requires the lock."""
        os.pwrite(self._opened(), text.ljust(MOST_BYTES), 0)

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
