"""SQLite: connections for all parts of the program, and the file lock of its writers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

OF_OTHERS = 0o077
BUSY_TIMEOUT_S = 4.0
"""How long a statement waits for a program that has locked the database without taking our file lock, s."""


PRIMARY_CODE = 0xFF
"""The part of an error code without its details. SQLITE_BUSY_RECOVERY, for example, is a kind of SQLITE_BUSY."""

FileNumber = tuple[int, int]
"""(device, inode). Identifies a file, even if its path now belongs to another one."""


PAGES, REST_S = 256, 0.01
"""Number of pages copied at once, and the pause afterwards, s. The pause leaves the disk and the CPU to visits."""


TURN_S = 0.05
"""How long an opening waits for a program that has locked the database, before it lets others try, s."""

WIDTH = 96
"""Length of the text in the record of the files that were last opened, bytes."""

_opened: set[str] = set()
"""The paths that this process has opened."""


class SqliteConnection(sqlite3.Connection):
    path: str
    file: FileNumber | None

    @property
    def is_replaced(self) -> bool:
        """Whether the path now belongs to another file or no file. Anything written through this connection would be
        lost.
        """
        return _number_of(self.path) != self.file

    def close(self) -> None:
        """Close the connection. The last connection of a file deletes the log by its name. The lock prevents that this
        name already belongs to the log of a new file.
        """
        with suppress(OSError), _locked_record(self.path):
            super().close()
        super().close()  # if the record cannot be locked


def connect(
    path: str, timeout_s: float = BUSY_TIMEOUT_S, instead_of: SqliteConnection | None = None
) -> SqliteConnection:
    """Open the database file in WAL mode with full sync. Callers begin transactions themselves. Only the owner may read
    and write the file (mode 0600).

    Closes the connection `instead_of`, which would otherwise stay open until the garbage collector runs, because its
    statement cache refers to it.

    Does not create a file that this process has opened before. Raises sqlite3.OperationalError if it is gone, and
    OSError if the record of opened files cannot be used.
    """
    if path not in _opened:
        _create(path)
    elif _number_of(path) is None:
        raise sqlite3.OperationalError(f"the database file {path} is gone")
    _make_private(path)
    connection = open_existing(path, timeout_s)
    _opened.add(path)
    if instead_of is not None:
        instead_of.close()
    return connection


def open_existing(path: str, timeout_s: float) -> SqliteConnection:
    """Like `connect`, but does not create the file or change its mode."""
    deadline = time.monotonic() + timeout_s
    connection = None
    while connection is None:
        try:
            connection = _try_to_open(path, min(timeout_s, TURN_S))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
    connection.execute(f"PRAGMA busy_timeout = {timeout_s * 1000:.0f}")
    return connection


def _try_to_open(path: str, timeout_s: float) -> SqliteConnection | None:
    """Open the file; None if it was replaced before this was done.

    The file may be replaced at any moment. So its number is compared before SQLite reads the log, because SQLite would
    apply the log of the old file to the new one. It is compared again at the end, so that no write is lost. The lock
    keeps other connections from deleting and creating logs in between.
    """
    with _locked_record(path) as record, ExitStack() as unless_used:
        number = _number_of(path)
        connection = sqlite3.connect(  # does not read the log
            f"{Path(path).absolute().as_uri()}?mode=rw",  # does not create a missing file
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,
            factory=SqliteConnection,
            uri=True,
        )
        unless_used.callback(sqlite3.Connection.close, connection)  # without the lock, which is held
        connection.path, connection.file = path, number
        if number is None or connection.is_replaced:
            return None
        log = f"{os.path.realpath(path)}-wal"
        database, last_log = _last_opened(record)
        if database != number and _number_of(log) == last_log:
            _discard(log)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # opens the log, even of a new file
        _record(record, number, _number_of(log))
        if connection.is_replaced:
            return None
        unless_used.pop_all()
        return connection


@contextmanager
def copied(path: str, to: str) -> Iterator[str]:
    """Copy the current database to a new file, which is deleted afterwards. Writers do not wait, and their log grows
    only while the pages are copied.
    """
    _create(to)
    try:
        with (
            closing(open_existing(path, BUSY_TIMEOUT_S)) as source,
            closing(sqlite3.connect(to, isolation_level=None)) as target,
        ):
            target.execute("PRAGMA synchronous = OFF")
            source.execute("BEGIN")
            # This begins the snapshot to copy. Without it, each commit would restart the copy.
            source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            source.backup(target, pages=PAGES, progress=lambda *_: time.sleep(REST_S))
        yield to
    finally:
        for file in (f"{to}.lock", f"{to}.opened", f"{to}-wal", f"{to}-shm", to):
            with suppress(FileNotFoundError):
                os.unlink(file)


@contextmanager
def _locked_record(path: str) -> Iterator[int]:
    """Lock the file that says which files were last opened, so that one thread of one process at a time opens or closes
    a connection. Yields its descriptor.
    """
    file = os.open(f"{os.path.realpath(path)}.opened", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)  # a forked process may have the descriptor as well
        os.close(file)


def _last_opened(record: int) -> tuple[FileNumber | None, FileNumber | None]:
    """The database and its log, as a process last opened them."""
    numbers = [int(number) for number in os.pread(record, WIDTH, 0).split()]
    return ((numbers[0], numbers[1]), (numbers[2], numbers[3])) if len(numbers) == 4 else (None, None)


def _record(record: int, database: FileNumber, log: FileNumber | None) -> None:
    if log is not None and (database, log) != _last_opened(record):
        os.pwrite(record, " ".join(map(str, database + log)).encode().ljust(WIDTH), 0)


def _number_of(path: str) -> FileNumber | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _discard(log: str) -> None:
    """Delete the log of a file that was replaced, because SQLite would apply it to the new file."""
    for file in (log, f"{log.removesuffix('wal')}shm"):
        with suppress(FileNotFoundError):
            os.unlink(file)


def _create(path: str) -> None:
    """Create the file if it is missing. Errors are ignored, because SQLite reports them better."""
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # it usually exists
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _make_private(path: str) -> None:
    """Make an existing file private. SQLite gives its other files the same mode. The file must not be opened here,
    because closing it would release this process's locks. Errors are ignored, because SQLite reports them better.
    """
    with suppress(OSError):
        if os.stat(path).st_mode & OF_OTHERS:
            for file in (f"{path}.lock", f"{path}.opened", f"{path}-wal", f"{path}-shm", path):
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
