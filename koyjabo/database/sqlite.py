"""SQLite: connections for every part of the product, and the file lock of its writers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT_S = 4.0
"""How long a statement waits for a program that locks the database without the file lock."""


def connect(path: str, timeout_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Open the database file in WAL mode with full sync; callers begin transactions themselves."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class FileLock:
    """An advisory lock on a file beside the database, with a fair queue of processes.

    SQLite's own busy handler sleeps for increasing times, which starves one of two busy servers.
    """

    def __init__(self, path: str) -> None:
        self._path = f"{path}.lock"
        self._file: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
