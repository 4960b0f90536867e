"""SQLite: how every part of the product opens the file, and the lock that its writers queue for."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT_S = 4.0
"""How long a statement waits for a program that holds the database without taking our file lock."""


def connect(path: str, timeout_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Open the database file as every part of the product does: WAL, full sync, transactions begun by hand."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class FileLock:
    """An advisory lock beside the database that processes queue for fairly.

    SQLite's own busy handler sleeps in growing steps, and starves one of two busy servers.
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
