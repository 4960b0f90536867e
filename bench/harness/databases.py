"""Fresh databases for one run each, and whether what was written into them is exact."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.postgres import EMPTY, TEMPLATE, Postgres, postgres

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
class PostgresDatabase:
    server: Postgres
    name: str

    @property
    def env(self) -> dict[str, str]:
        return {**SETTINGS, **self.server.env(self.name), "DATABASE_URL": self.server.url(self.name)}

    def query(self, statement: str) -> list[tuple]:
        return self.server.query(self.name, statement)


@contextmanager
def fresh_sqlite(folder: Path) -> Iterator[SqliteFile]:
    """A file that is not there yet: the product's own migration makes it."""
    database = SqliteFile(folder / "visits.db")
    try:
        yield database
    finally:
        for path in folder.glob(f"{database.path.name}*"):
            path.unlink()


@contextmanager
def fresh_postgres(server: Postgres, name: str = "run", is_empty: bool = False) -> Iterator[PostgresDatabase]:
    """With the product's tables, or empty for a server that makes its own."""
    server.create(name, EMPTY if is_empty else TEMPLATE)
    try:
        yield PostgresDatabase(server, name)
    finally:
        server.drop(name)


@contextmanager
def fresh(folder: Path, on_postgres: bool, is_empty: bool = False) -> Iterator[Database]:
    """One of either kind; PostgreSQL with a server of its own."""
    if on_postgres:
        with postgres(None, SETTINGS) as server, fresh_postgres(server, is_empty=is_empty) as database:
            yield database
    else:
        with fresh_sqlite(folder) as database:
            yield database


def is_exact(database: Database, acknowledged: int) -> bool:
    """Whether nothing that was acknowledged is missing, no ordinal is missing or twice, and every sum agrees."""
    total, visits, unique, rows, ordinals, first, last, visitors, *sums = map(int, database.query(RECOUNT)[0])
    daily, hourly, new_visitors = sums
    gapless = rows == ordinals == last - STARTING_TOTAL and (not rows or first == STARTING_TOTAL + 1)
    agree = total == last and rows == visits == daily == hourly and unique == visitors == new_visitors
    return rows >= acknowledged and gapless and agree
