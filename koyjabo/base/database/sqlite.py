"""SQLite: connections for all parts of the program, and the file lock of its writers."""

import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from koyjabo.base.core import own_files
from .file_lock import FileLock

OF_OTHERS = 0o077
BUSY_TIMEOUT_S = 4.0
"""How long a statement waits for a program that has locked the database without taking our file lock, s."""

PRIMARY_CODE = 0xFF
"""The part of an error code without its details. SQLITE_BUSY_RECOVERY, for example, is a kind of SQLITE_BUSY."""

FileNumber = str
"""The device and the inode, as text. Identifies a file, even if its path now belongs to another one."""

ATTEMPT_S = 0.05
"""How long one attempt to open waits for a program that has locked the database, s."""

_opened: set[str] = set()
"""The paths that this process has opened."""

_locking: set[int] = set()
"""The native ids of threads that have locked a record."""


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
        """Close the connection. The last connection of a file deletes the log by its name. The lock keeps others from
        creating the log of a new file under that name in between.
        """
        if threading.get_native_id() not in _locking:  # the garbage collector closes connections at any moment
            with suppress(OSError), _locked_record(self.path) as record:
                super().close()
                if _number_of(_log_of(self.path)) is None:
                    record.write(b"")  # the number of a deleted log may be given to a new one
        super().close()


def connect(
    path: str, timeout_s: float = BUSY_TIMEOUT_S, instead_of: SqliteConnection | None = None
) -> SqliteConnection:
    """Open the database file in WAL mode with full sync. Callers begin transactions themselves. Only the owner may read
    and write the file (mode 0600).

    Closes the connection `instead_of`, which would otherwise stay open until the garbage collector runs, because its
    statement cache refers to it.

    Does not create a file that this process has opened before. Raises sqlite3.OperationalError if it is gone, and
    OSError if this user may not write it, its log or the record of opened files. `timeout_s` does not limit the wait
    for other connections that are being opened or closed.
    """
    if path not in _opened:
        _create(path)
        _require_access(path)  # before anything is made
        with closing(FileLock(path)) as lock:
            lock.require_locks()  # SQLite would call the database locked, and wait
    _make_private(path)
    connection = open_existing(path, timeout_s)
    _opened.add(path)
    if instead_of is not None:
        instead_of.close()
    return connection


def open_existing(path: str, timeout_s: float) -> SqliteConnection:
    """Like `connect`, but does not create the file or change its mode. Raises OSError if this user may not use it."""
    if _number_of(path) is None:
        raise sqlite3.OperationalError(f"the database file {path} is gone")
    for name in (path, _log_of(path), _index_of(path)):
        _require_access(name)
    deadline = time.monotonic() + timeout_s
    connection = None
    while connection is None:
        try:
            connection = _try_to_open(path, min(timeout_s, ATTEMPT_S))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
    connection.execute(f"PRAGMA busy_timeout = {timeout_s * 1000:.0f}")
    return connection


def _try_to_open(path: str, timeout_s: float) -> SqliteConnection | None:
    """Open the file; None if it was replaced in the meantime.

    The file may be replaced at any moment. So its number is compared before SQLite reads the log, because SQLite would
    apply the log of the old file to the new one. It is compared again at the end, so that no write is lost. The lock
    keeps other connections from deleting and creating logs in between.
    """
    with _locked_record(path) as record, ExitStack() as unless_used:
        number = _number_of(path)
        existing = f"{Path(path).absolute().as_uri()}?mode=rw"  # SQLite does not create a missing file
        connection = sqlite3.connect(  # does not read the log
            existing,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,
            factory=SqliteConnection,
            uri=True,
        )
        connection.path, connection.file = path, number
        unless_used.callback(connection.close)
        if number is None or connection.is_replaced:
            return None
        log = _log_of(path)
        last_database, last_log, *_ = *record.read().decode(errors="replace").split(), "", ""
        if last_database != number and _number_of(log) == last_log:
            _delete(log, _index_of(path))  # of the file that was replaced
        # On macOS, a plain `fsync` does not reach the disk.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "fullfsync = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # opens the log, even of a new file
        record.write(f"{number} {_number_of(log)}".encode())
        if connection.is_replaced:
            return None
        unless_used.pop_all()
        return connection


@contextmanager
def _locked_record(path: str) -> "Iterator[FileLock]":
    """Lock the record, so that one thread of one process at a time opens or closes a connection. The record has the
    numbers of the database and its log, as last opened.
    """
    with closing(FileLock(os.path.realpath(path), ".opened")) as record, record.held():
        _locking.add(threading.get_native_id())
        try:
            yield record
        finally:
            _locking.discard(threading.get_native_id())


def _log_of(path: str) -> str:
    """SQLite keeps the write-ahead log next to the file that a link leads to."""
    return f"{os.path.realpath(path)}-wal"


def _index_of(path: str) -> str:
    """SQLite's index of the log, which processes share."""
    return f"{os.path.realpath(path)}-shm"


def _require_access(path: str) -> None:
    """Raise OSError if `path` exists and is not a file that this user may write. SQLite does not give the system's
    reason. The file must not be opened here, because closing it would release this process's locks.
    """
    with suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        elif not os.access(path, os.R_OK | os.W_OK):
            number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        else:
            return
        raise OSError(number, os.strerror(number), path)


def _number_of(path: str) -> FileNumber | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return f"{status.st_dev}:{status.st_ino}"


def _delete(*paths: str) -> None:
    for path in paths:
        Path(path).unlink(missing_ok=True)


def _create(path: str) -> None:
    """Create the file if it is missing. Raises OSError."""
    own_files.make_folder(Path(path).parent)
    with suppress(FileExistsError):
        os.close(own_files.create(Path(path)))
    os.stat(path)  # fails for a link to nowhere


def _make_private(path: str) -> None:
    """Make an existing file private. SQLite gives its other files the same mode. The file must not be opened here,
    because closing it would release this process's locks. Errors are ignored, because SQLite reports them better.
    """
    with suppress(OSError):
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) and mode & OF_OTHERS:
            for file in (f"{path}.lock", f"{path}.opened", f"{path}-wal", f"{path}-shm", path):
                with suppress(OSError):  # it does not exist, or belongs to another user
                    os.chmod(file, 0o600)
