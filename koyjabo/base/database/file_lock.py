"""The lock that makes writers of a SQLite database wait in order."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from koyjabo.base.core import own_files

MAX_BYTES = 120
"""Maximum length of a text for `FileLock.write`."""

TOTAL_AT = MAX_BYTES
"""Where the file has the total that the counter began with. Earlier versions read and write only the text at 0."""


class FileLock:
    """An advisory lock on a file next to the database, with a fair queue of processes.

    SQLite's own busy handler sleeps for increasing times, which starves one of two busy servers.
    """

    def __init__(self, path: str, suffix: str = ".lock") -> None:
        self._path = path + suffix
        self._file: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        file = self._opened()
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def require_locks(self) -> None:
        """Raises OSError with ENOLCK if the file system has no locks, of this kind or of SQLite's."""
        for lock in (fcntl.flock, fcntl.lockf):
            try:
                lock(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock(self._opened(), fcntl.LOCK_UN)
            except (BlockingIOError, PermissionError):
                pass  # another process has the lock
            except OSError as error:
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), self._path) from error

    def read(self, at: int = 0) -> bytes:
        """The text that a process last wrote while it held the lock. It outlives that process."""
        if self._file is not None:
            return os.pread(self._file, MAX_BYTES, at)
        with suppress(OSError):  # the lock was never taken, or the file cannot be created
            return Path(self._path).read_bytes()[at : at + MAX_BYTES]
        return b""

    def write(self, text: bytes, at: int = 0) -> None:
        """Replace a text in the file. Requires the lock."""
        os.pwrite(self._opened(), text.ljust(MAX_BYTES), at)

    def _opened(self) -> int:
        if self._file is None:
            self._file = own_files.open_lock(Path(self._path))
        return self._file

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
