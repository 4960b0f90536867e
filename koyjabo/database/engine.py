"""The database as SQLAlchemy sees it: how it is opened, and how it gets its tables and its first row."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, inspect, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from koyjabo.database import migration_lock
from koyjabo.database.startup_queries import MIGRATIONS, NEWEST_REVISION
from koyjabo.errors import LedgerUnavailable, UnusableDatabase
from koyjabo.extensions import db

PERMANENT = {errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EPERM, errno.EROFS}
"""Errors of the file system that waiting does not mend."""


def engine_options(database: URL) -> dict[str, Any]:
    """Options for SQLAlchemy's engine, so that it opens connections as the ledger does.

    Without the ledger's time limits: what goes through SQLAlchemy (migrations, recounts) may take long.
    """
    options = {"poolclass": NullPool, "hide_parameters": True}  # they are personal, and errors are logged
    if database.get_backend_name() == "sqlite":
        from koyjabo.database.sqlite import connect

        return {"creator": lambda: connect(str(database.database)), **options}
    from koyjabo.database.postgres import CONNECT

    return {"connect_args": CONNECT, **options}


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """SQLite's driver leaves transactions to us: one that reads first and writes later could not get in."""
    if connection.dialect.name == "sqlite":
        snapshot = connection.get_execution_options().get("snapshot")
        connection.exec_driver_sql("BEGIN" if snapshot else "BEGIN IMMEDIATE")


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Read the database as it is at one moment, however long that takes, in nobody's way."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection = connection.execution_options(snapshot=True)
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def exclusive(database: URL) -> Iterator[Session]:
    """One transaction for one process at a time: under the file lock of SQLite's writers, or the lock of migrations.

    Raises DatabaseInUse if another process holds the lock of migrations for too long.
    """
    with _queued(database), db.engine.connect() as connection, Session(connection) as session:
        if connection.dialect.name != "sqlite":
            migration_lock.take(session)
        yield session
        session.commit()


@contextmanager
def _queued(database: URL) -> Iterator[None]:
    if database.get_backend_name() != "sqlite":
        yield
        return
    from koyjabo.database.sqlite import FileLock, connect

    path = str(database.database)
    connect(path).close()  # makes the folder and the file
    lock = FileLock(path)
    try:
        with lock.held():
            yield
    finally:
        lock.close()


@contextmanager
def reached() -> Iterator[None]:
    """What goes wrong inside comes out as LedgerUnavailable when waiting may mend it, else as UnusableDatabase."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        raise LedgerUnavailable from error
    except (DBAPIError, sqlite3.DatabaseError) as error:
        raise _unusable(str(getattr(error, "orig", error)).strip()) from error
    except OSError as error:
        raise (_unusable(str(error)) if error.errno in PERMANENT else LedgerUnavailable()) from error


def _unusable(why: str) -> UnusableDatabase:
    return UnusableDatabase(f"DATABASE_URL names a database that cannot be used: {why}.")


def is_up_to_date(session: Session) -> bool:
    if not inspect(session.connection()).has_table("alembic_version"):
        return False
    stored = session.scalar(text("SELECT version_num FROM alembic_version"))
    if stored and stored > NEWEST_REVISION:
        raise _unusable(f"a newer version of this program made it (revision {stored})")
    return stored == NEWEST_REVISION


def migrate(connection: Connection) -> None:
    """Imported only when there is something to do: a worker would carry 12 MB of Alembic all its life."""
    from alembic import command
    from alembic.config import Config

    config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")
