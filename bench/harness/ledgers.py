"""Filled ledgers in the cache folder: made once, used again."""

from __future__ import annotations

import click

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
