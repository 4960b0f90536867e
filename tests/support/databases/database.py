"""Real databases for the tests: SQLite files, and databases on a PostgreSQL that pip installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2

from support.databases import installed_postgres
from support.programs.patience import PATIENCE_S
from support.programs.processes import SECRET, is_gone, kill_all, suspended, wait_until
from support.programs.zone import ZONE

CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'koyjabo' AND datname = current_database()"""
LOCK_COUNTERS = "SELECT * FROM counters FOR UPDATE"
BEGIN = """INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision)
VALUES ('site', {now}, 0, 0, 0, {now}) ON CONFLICT DO NOTHING"""
REST = """INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms)
VALUES ('retention', '{day}', '', {now}, {now}) ON CONFLICT DO NOTHING"""
"""Marks tonight's retention as done, as on most days a server starts. Otherwise each start would read every table."""

NAME_ANEW = "UPDATE database_identity SET name = '{name}'"
EMPTY, MIGRATED, NAME = "template1", "koyjabo_migrated", "name_of_the_database"
IN_MEMORY = "dynamic_shared_memory_type = mmap\n"
"""Keeps shared memory in the server's folder, so that it is removed even if the server is killed."""

NOT_DURABLE = "".join(f"{name} = off\n" for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"))
"""Turns off durability, and maintenance for databases that live longer."""

INITDB = ("-A", "trust", "-U", "postgres", "-E", "utf8", "--locale=C.UTF-8", "--no-sync")  # the user's may be missing
START_LIMIT_S = 120
"""Limit for a start on a busy machine. It usually takes 0.2 s."""


class SqliteDatabase:
    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._is_new = False

    @classmethod
    def migrated(cls, path: Path) -> SqliteDatabase:
        shutil.copy(_migrated_file(), path)
        database = cls(path)
        database._is_new = True
        return database

    def begin(self) -> None:
        """Start counting at 0 now, if the database has tables but no row."""
        if self._is_new:
            self._is_new = False
            Path(f"{self.path}.lock").touch(mode=0o600)  # without it, a start runs the migrations in its own process
            for statement in _first_rows():
                self.rows(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement, commit it, and return its rows if it has any."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the database, so that no visit can be registered inside the block."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()

    def is_free(self) -> bool:
        """Whether a registration would succeed without waiting."""
        return self._may_lock("lock")  # writers queue for it

    def may_be_opened(self) -> bool:
        """Whether a new connection would not wait for another process."""
        return self._may_lock("opened")

    def _may_lock(self, name: str) -> bool:
        with open(f"{self.path}.{name}", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def copy(self) -> SqliteDatabase:
        """Another database with the same content. This one must not be in use."""
        copy = self.path.with_name(f"copy-{time.monotonic_ns()}.db")
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)  # copying the file could miss what is in the write-ahead log
        return SqliteDatabase(copy)

    def remember(self) -> SqliteDatabase:
        """A copy for `go_back`. The database may be in use."""
        return self.copy()

    def put_in_place(self, path: Path) -> None:
        """Replace the file that servers have open, and wait until they have opened this one."""
        with Path(f"{path}-wal").open() as log:  # while it is open, no new file gets its inode number
            self.path.replace(path)
            wait_until(lambda: os.fstat(log.fileno()).st_nlink == 0, "the log of the other file is gone")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def go_back(self, remembered: SqliteDatabase) -> None:
        """Return to an earlier copy, even while in use, like a promoted standby that had fallen behind."""
        with (
            closing(sqlite3.connect(remembered.path)) as source,
            closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as target,
        ):
            source.backup(target)


@cache
def _migrated_file() -> Path:
    path = Path(tempfile.gettempdir()) / "migrated.db"
    with made_once(path) as is_made:
        if not is_made:
            path.unlink(missing_ok=True)
            migrated = SqliteDatabase(path)
            migrate(migrated)
            migrated.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


class PostgresDatabase:
    kind = "postgres"

    def __init__(self, server: PostgresDatabases, name: str, is_new: bool = False) -> None:
        self.url = server.url_of(name)
        self.name = name
        self._server = server
        self._is_new = is_new
        self._copies: list[PostgresDatabase] = []

    def begin(self) -> None:
        if self._is_new:
            self._is_new = False
            with suppress(psycopg2.OperationalError):  # the server may be down
                for statement in _first_rows():
                    self.rows(statement)

    def move_to(self, server: PostgresDatabases) -> None:
        """Use the database with this name on another server from now on."""
        self.url, self._server = server.url_of(self.name), server

    def copy(self) -> PostgresDatabase:
        self._copies.append(self._server.new_database(like=self.name))
        return self._copies[-1]

    def remember(self) -> PostgresDatabase:
        with self._alone():
            return self.copy()

    def remove(self) -> None:
        """Drop the database and its copies, unless their server has ended."""
        for copy in self._copies:
            copy.remove()
        with suppress(psycopg2.OperationalError):
            self._server.drop(self)

    def go_back(self, remembered: PostgresDatabase) -> None:
        with self._alone():
            lost = f"{self.name}_{time.monotonic_ns()}"
            self._server.execute(
                f"ALTER DATABASE {self.name} RENAME TO {lost}",
                f"CREATE DATABASE {self.name} TEMPLATE {remembered.name} STRATEGY FILE_COPY",
                f"DROP DATABASE {lost}",
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep all connections out."""
        allow = f"ALTER DATABASE {self.name} WITH ALLOW_CONNECTIONS"
        cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{self.name}'"
        self._server.execute(f"{allow} false", cut)
        try:
            yield
        finally:
            self._server.execute(f"{allow} true")

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
        """Close the product's connections to this database."""
        self.rows(CUT)

    def is_free(self) -> bool:
        try:
            self.rows(f"{LOCK_COUNTERS} NOWAIT")
        except psycopg2.errors.LockNotAvailable:
            return False
        return True

    def may_be_opened(self) -> bool:
        return True


Database = SqliteDatabase | PostgresDatabase  # a test's own database, seen from outside the product


def _first_rows() -> list[str]:
    now_ms, day = time.time_ns() // 1_000_000, datetime.now(ZONE).date()
    return [NAME_ANEW.format(name=uuid.uuid4().hex), BEGIN.format(now=now_ms), REST.format(now=now_ms, day=day)]


@contextmanager
def made_once(path: Path) -> Iterator[bool]:
    """Whether another process of the run has already made `path`. Others wait for the end of the block."""
    done = path.with_name(f"{path.name}.made")
    with path.with_name(f"{path.name}.making").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield done.exists()
        done.touch()


def migrate(database: Database) -> None:
    """Create the tables, without rows. The first server to open the database stores the start and its total."""
    from koyjabo import create_app  # late, because servers' programs do not need it

    settings = {"ENVIRONMENT": "production", "SECRET_KEY": SECRET, "ALLOW_EPHEMERAL_STORAGE": "1"}
    app = create_app({**settings, "DATABASE_URL": database.url})
    app.extensions["koyjabo"].close()
    database.rows("DELETE FROM counters")


class PostgresDatabases:
    """Databases on a PostgreSQL server whose socket is in `folder`."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder = folder
        self._uri = uri
        self._has_template = False

    def new_database(self, like: str = MIGRATED) -> PostgresDatabase:
        if like == MIGRATED and not self._has_template:
            self.make_template()
        # Unique, even among the databases of a server that this one was copied from.
        name = f"koyjabo_{os.getpid()}_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY")
        return PostgresDatabase(self, name, is_new=like == MIGRATED)

    def drop(self, database: PostgresDatabase) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    def make_template(self) -> None:
        self.execute(f"CREATE DATABASE {MIGRATED}")
        migrate(PostgresDatabase(self, MIGRATED))
        self._has_template = True

    def execute(self, *statements: str) -> None:
        """Run statements as the administrator, outside of transactions."""
        with closing(psycopg2.connect(self.url_of("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    @property
    def address(self) -> str:
        return f"host={self.folder}"

    def url_of(self, name: str) -> str:
        return self._uri.replace(NAME, name)


class Postgres(PostgresDatabases):
    """A PostgreSQL server with its data in a new folder. It can be frozen, killed and started again."""

    def __init__(self, folder: Path | None = None, settings: str = IN_MEMORY) -> None:
        # Not in pytest's folders: only their owner may enter them, and PostgreSQL refuses to run as root.
        folder = folder or Path(tempfile.mkdtemp(prefix="postgres-"))
        folder.mkdir(exist_ok=True)
        super().__init__(folder, f"postgresql://postgres@/{NAME}?host={folder}")
        self._listening = f"-h '' -k {folder}"
        self._create(settings)
        self.start()

    def _create(self, settings: str, *options: str) -> None:
        self._user = installed_postgres.owner_of(self.folder)
        self._run("initdb", *INITDB, *options)
        with (self.folder / "postgresql.conf").open("a") as file:
            file.write(settings)

    @property
    def pid(self) -> int:
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def processes(self) -> list[psutil.Process]:
        """The postmaster, followed by the processes that serve connections."""
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children()]

    @property
    def running(self) -> bool:
        try:
            return not is_gone(self.processes()[0])
        except (psutil.NoSuchProcess, FileNotFoundError):
            return False

    def frozen(self) -> AbstractContextManager[None]:
        """Freeze the server: the kernel still accepts connections, but none gets a reply."""
        return suspended(self.processes())

    def start(self) -> Self:
        """Start the server, even after `kill`, and return when it accepts connections."""
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):  # they name a process that init may not have reaped
            (self.folder / lock).unlink(missing_ok=True)
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "-w", "-t", str(START_LIMIT_S), "-l", log, "-o", self._listening)
        return self

    def kill(self) -> None:
        """kill -9: no checkpoint, and no connection is closed properly."""
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            kill_all(self.processes())

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        installed_postgres.run(program, self.folder, *arguments, user=self._user)


def shared_postgres() -> PostgresDatabases:
    """The PostgreSQL server shared by all processes of a run. It ends with the run, and loses its data if killed."""
    folder = Path(tempfile.gettempdir()) / "postgres"
    uri_file = folder.with_suffix(".uri")
    with made_once(uri_file) as is_made:
        if not is_made:
            shutil.rmtree(folder, ignore_errors=True)  # left by a process that failed to start it
            server = Postgres(folder, IN_MEMORY + NOT_DURABLE)
            server.make_template()
            uri_file.write_text(server.url_of(NAME))
    shared = PostgresDatabases(folder, uri_file.read_text())
    shared._has_template = True
    return shared
