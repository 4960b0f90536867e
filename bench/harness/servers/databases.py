"""A fresh database for each run, the settings of servers on it, and a check that its contents are exact."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.databases.database import EMPTY, MIGRATED, Database, Postgres, SqliteDatabase
from support.programs.processes import NO_LIMITS, run

from harness.folders import CACHE
from harness.servers import process_figures

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
STARTING_TOTAL = 4000
SETTINGS = {
    "SECRET_KEY": "benchmarks-sign-nothing-that-matters",
    "STARTING_TOTAL": str(STARTING_TOTAL),
    "TIMEZONE": "Asia/Dhaka",
    "LOG_LEVEL": "WARNING",
    "ENVIRONMENT": "production",
    **NO_LIMITS,
}
"""Settings of every server. ENVIRONMENT is production, so that `.env` is not read."""

MIGRATE = "from koyjabo import create_app; create_app()"
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


def settings_on(database: Database) -> dict[str, str]:
    """Settings of a server on `database`."""
    return {**SETTINGS, "DATABASE_URL": database.url}


def migrate(database: Database) -> None:
    """Migrate a database with the product's own migrations, in a separate process."""
    run("-c", MIGRATE, **settings_on(database)).check_returncode()


@contextmanager
def server_for(kind: str, core: int | None = None) -> Iterator[Postgres | None]:
    """A PostgreSQL server for the duration of the block, or None for SQLite. It runs only on `core`, if given. Its data
    is on the same disk as the cache.
    """
    if kind == SQLITE:
        yield None
        return
    CACHE.mkdir(exist_ok=True)
    server = Postgres(Path(tempfile.mkdtemp(prefix="postgres-", dir=CACHE)), settings="")
    try:
        if core is not None:
            process_figures.pin(server.pid, core)
        yield server
    finally:
        server.close()


@contextmanager
def fresh(folder: Path, server: Postgres | None = None, is_empty: bool = False) -> Iterator[Database]:
    """A new SQLite database, where the product creates its tables, or a new database on `server` with the product's
    tables. With `is_empty`, the tables are left out for a server that creates its own.
    """
    if server is not None:
        database = server.new_database(EMPTY if is_empty else MIGRATED)
        yield database
        server.drop(database)
        return
    file = SqliteDatabase(folder / "visits.db")
    yield file
    for path in folder.glob(f"{file.path.name}*"):
        path.unlink()


def is_exact(database: Database, acknowledged: int) -> bool:
    """Whether every acknowledged visit is stored, visit numbers have no gaps or duplicates, and all sums agree."""
    total, visits, unique, rows, ordinals, first, last, visitors, *sums = map(int, database.rows(RECOUNT)[0])
    daily, hourly, new_visitors = sums
    gapless = rows == ordinals == last - STARTING_TOTAL and (not rows or first == STARTING_TOTAL + 1)
    agree = total == last and rows == visits == daily == hourly and unique == visitors == new_visitors
    return rows >= acknowledged and gapless and agree
