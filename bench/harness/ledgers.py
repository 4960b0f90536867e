"""Filled ledgers in the cache folder: made once, used again."""

from __future__ import annotations

import click

from harness import fill_site
from harness.databases import Database, PostgresDatabase, SqliteFile, is_exact
from harness.fill import counted, fill
from harness.folders import CACHE
from harness.postgres import Postgres
from harness.schema import migrate

FOLDER = CACHE / "ledgers"


def on_sqlite(visits: int) -> SqliteFile:
    """A file with so many visits; the server may be started on it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    database = SqliteFile(FOLDER / f"visits-{visits}.db")
    if not (database.path.exists() and _holds(database, visits)):
        for path in FOLDER.glob(f"{database.path.name}*"):
            path.unlink()
        migrate(database.env)
        _fill(database, visits, "SQLite")
    return database


def on_postgres(visits: int, server: Postgres) -> PostgresDatabase:
    """A database of `server` with so many visits."""
    database = PostgresDatabase(server, f"visits_{visits}")
    if not (server.exists(database.name) and _holds(database, visits)):
        server.create(database.name)
        _fill(database, visits, "PostgreSQL")
    return database


def _holds(database: Database, visits: int) -> bool:
    migrate(database.env)
    return counted(database.env["DATABASE_URL"]) == visits


def _fill(database: Database, visits: int, where: str) -> None:
    with click.progressbar(length=visits, label=f"{visits:,} visits into {where}") as bar:
        fill(database.env["DATABASE_URL"], visits, bar.update)
    if not is_exact(database, visits):
        raise click.ClickException(f"the {visits:,} visits written into {where} do not add up: has the schema changed?")


def of_site(visits: int, server: Postgres | None = None) -> SqliteFile | PostgresDatabase:
    """A new database with `visits` visits of a year, and all fields that reports break down by; in a file, or on
    `server`. The projection has not read them.
    """
    if server is None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        database: SqliteFile | PostgresDatabase = SqliteFile(FOLDER / f"site-{visits}.db")
        for path in FOLDER.glob(f"site-{visits}.db*"):
            path.unlink()
    else:
        database = PostgresDatabase(server, f"site_{visits}")
        server.create(database.name)
    migrate(database.env)
    with click.progressbar(length=fill_site.steps(visits), label=f"{visits:,} visits of a site") as bar:
        fill_site.fill_site(database.env["DATABASE_URL"], visits, bar.update)
    return database
