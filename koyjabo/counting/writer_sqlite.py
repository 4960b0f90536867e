"""Writes batches of visits, or of events, to SQLite through one connection."""

import sqlite3
from contextlib import AbstractContextManager
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.file_lock import FileLock
from koyjabo.base.database.sqlite import SqliteConnection, connect
from .daily_people_sqlite import Execute


class SqliteWriter:
    """The connection is used by one thread."""

    unavailable: tuple[type[Exception], ...] = (sqlite3.OperationalError, OSError)

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = FileLock(path)
        self._writing: SqliteConnection | None = None

    def writing(self) -> AbstractContextManager[object]:
        """Hold the file lock, which all processes take before they write."""
        return self._lock.held()

    def _transaction(self, batch: list[Any]) -> Any:
        """Write `batch` in one transaction, and return its plan. Writes nothing if there is an error."""
        if self._writing is None or self._writing.is_replaced:
            self._writing = self._connect()
        execute = self._writing.execute
        try:
            execute("BEGIN IMMEDIATE")
            result = self._write(batch, execute)
            execute("COMMIT")
        except BaseException:
            if self._writing.in_transaction:
                self._writing.rollback()
            raise
        return result

    def _connect(self) -> SqliteConnection:
        return connect(self._path, instead_of=self._writing)

    def _write(self, batch: list[Any], execute: Execute) -> Any:
        """Write the rows for a batch, and return their plan."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """Do nothing: SQLite limits its own waits."""

    def close(self) -> None:
        if self._writing is not None:
            self._writing.close()
        self._lock.close()
