"""Filled ledgers in the cache folder: made once, used again."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from harness import fill_people, fill_site
from harness.databases import Database, PostgresDatabase, SqliteFile, is_exact
from harness.fill import counted, fill
from harness.folders import CACHE, ROOT
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


def with_people(visits: int, server: Postgres | None = None) -> SqliteFile | PostgresDatabase:
    """A community with so many visits in the year that ends today; in a file, or on `server`."""
    database = _kept("people", visits, server)
    if not _is_there(database) or not _holds_people(database, visits):
        _begin_anew(database)
        _fill_people(database, visits, "SQLite" if server is None else "PostgreSQL")
    return database


def of_site(visits: int, server: Postgres | None = None) -> SqliteFile | PostgresDatabase:
    """A new database with `visits` visits of a year, and all fields that reports break down by; in a file, or on
    `server`. The projection has not read them.
    """
    database = _kept("site", visits, server)
    _begin_anew(database)
    if server is not None:
        migrate(database.env)
    with click.progressbar(length=fill_site.steps(visits), label=f"{visits:,} visits of a site") as bar:
        fill_site.fill_site(database.env["DATABASE_URL"], visits, bar.update)
    return database


def to_look_through(visits: int, server: Postgres | None = None) -> SqliteFile | PostgresDatabase:
    """A database with `visits` visits of all kinds, which are only read; in a file, or on `server`."""
    database = _kept("log", visits, server)
    if not _is_there(database) or not _holds(database, visits):
        _begin_anew(database)
        filler = [sys.executable, "-m", "harness.fill_log", database.env["DATABASE_URL"], str(visits)]
        subprocess.run(filler, cwd=ROOT / "bench", check=True)
    return database


def _kept(what: str, visits: int, server: Postgres | None) -> SqliteFile | PostgresDatabase:
    """Where such a ledger is kept: in a file, or on `server`."""
    if server is not None:
        return PostgresDatabase(server, f"{what}_{visits}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    return SqliteFile(FOLDER / f"{what}-{visits}.db")


def _is_there(database: SqliteFile | PostgresDatabase) -> bool:
    return database.path.exists() if isinstance(database, SqliteFile) else database.server.exists(database.name)


def _holds_people(database: Database, visits: int) -> bool:
    migrate(database.env)
    return fill_people.holds(database.env["DATABASE_URL"], visits)


def _begin_anew(database: SqliteFile | PostgresDatabase) -> None:
    if isinstance(database, PostgresDatabase):
        database.server.create(database.name)
        return
    for path in FOLDER.glob(f"{database.path.name}*"):
        path.unlink()
    migrate(database.env)


def _fill_people(database: Database, visits: int, where: str) -> None:
    with click.progressbar(length=fill_people.steps(visits), label=f"{visits:,} visits into {where}") as bar:
        fill_people.fill_people(database.env["DATABASE_URL"], visits, bar.update)
    command, env = [sys.executable, "-m", "koyjabo", "verify"], {**os.environ, **database.env}
    verified = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE)
    if verified.returncode:
        raise click.ClickException(f"the visits written into {where} do not add up:\n{verified.stdout.decode()}")
