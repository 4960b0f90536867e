"""The SQLAlchemy engine: options, transactions and migrations."""

import errno
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from koyjabo.base.core.errors import DatabaseInUse, LedgerUnavailable, UnusableDatabase
from koyjabo.base.core.extensions import db
from . import rights
from .outage_causes import LACKING_FILE_SYSTEM, reason_of, waiting_helps
from .revisions import MIGRATIONS, NEWEST_REVISION, OLDEST_REVISION

log = logging.getLogger(__name__)

PERMANENT_CAUSES = {
    *(errno.EACCES, errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.ENOENT, errno.ENOLCK, errno.ENOTDIR, errno.EPERM, errno.EROFS),
}
"""Errors of the system that a retry cannot fix."""

OTHER_FILE_SYSTEM = (
    "its file system has no locks, or no memory that processes share. Put the file on a local disk, or use PostgreSQL"
)

SNAPSHOT: dict[str, dict[str, Any]] = {
    "sqlite": {"snapshot": True},  # see `_begin`
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""Connection options by dialect, for transactions that see one consistent state and do not block writers."""

WITHOUT_CURSOR = {"stream_results": False, "yield_per": None}
"""Options of a statement that returns nothing, in a transaction whose queries use a cursor of the server."""

MAX_LOCK_ATTEMPTS = 10
"""Maximum number of attempts to lock all tables. An attempt fails after a deadlock with a transaction that holds one
table and waits for another.
"""

LAST_UNSQUASHED_COMMIT = "fc0bc4ec3386"
"""The last commit that has the migrations before OLDEST_REVISION."""

EXCLUSIVE_LOCK = 0x6B6F796A  # "koyj", one of PostgreSQL's advisory locks

MIGRATION_PATIENCE_S = 60.0

LOCK_POLL_S = 0.1

LOG_AFTER_S = 1.0
"""Waits shorter than this are not logged, s, because processes that start together wait for each other."""

TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({EXCLUSIVE_LOCK})")

# Unprivileged roles see only the pid of other roles' sessions.
SELECT_HOLDER = text(f"""
SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(host(a.client_addr), 'local') AS client,
       to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = {EXCLUSIVE_LOCK} AND l.objsubid = 1 AND l.granted
AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
""")


def engine_options(database: URL) -> dict[str, Any]:
    """Options for the SQLAlchemy engine. Its connections are opened like the ledger's, but without the ledger's time
    limits, because migrations and recounts may take long.
    """
    options = {"poolclass": NullPool, "hide_parameters": True}  # errors are logged, and parameters are personal data
    if database.get_backend_name() == "sqlite":
        from .sqlite import connect

        return {"creator": lambda: connect(str(database.database)), **options}
    from .postgres import connect_in_transactions, dsn

    return {"creator": partial(connect_in_transactions, dsn(database)), **options}


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a SQLite transaction, because the driver does not. Uses IMMEDIATE, because a transaction that reads first
    and writes later may fail to get the lock. PostgreSQL's commits wait for the disk.
    """
    driver: Any = connection.connection.driver_connection
    options = connection.get_execution_options()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if options.get("snapshot") else "BEGIN IMMEDIATE")
    elif (durable := getattr(driver, "durable", "")) and not (driver.autocommit or options.get("postgresql_readonly")):
        connection.exec_driver_sql(durable, execution_options=WITHOUT_CURSOR)  # connections of other engines have none


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Read a consistent snapshot of the database, for any length of time, without blocking writers."""
    with db.engine.connect() as connection:
        connection.execution_options(**SNAPSHOT[connection.dialect.name])
        with connection.begin():
            yield connection


@contextmanager
def disposable(file: Path) -> Iterator[Connection]:
    """One transaction in a new SQLite database that is deleted afterwards. The database does not have to survive a
    crash.
    """
    database = make_url(f"sqlite:///{file}")
    with create_engine(database, **engine_options(database)).connect() as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            cast(Any, connection.connection.driver_connection).execute(f"PRAGMA {pragma}")  # no transaction yet
        with connection.begin():
            yield connection


@contextmanager
def exclusive(database: URL) -> Iterator[Session]:
    """Run one transaction while no other process runs one. Holds SQLite's file lock, or the migration lock. Raises
    DatabaseInUse if another process holds the migration lock for too long.
    """
    with _queued(database), db.engine.connect() as connection, Session(connection) as session:
        if connection.dialect.name != "sqlite":
            _take_migration_lock(session)
        yield session
        session.commit()


@contextmanager
def _queued(database: URL) -> Iterator[None]:
    if database.get_backend_name() != "sqlite":
        yield
        return
    from .file_lock import FileLock
    from .sqlite import connect

    path = str(database.database)
    connect(path).close()  # creates the folder and the file
    lock = FileLock(path)
    try:
        with lock.held():
            yield
    finally:
        lock.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn database errors into LedgerUnavailable if a retry may succeed, and otherwise into UnusableDatabase."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        driver = getattr(error, "orig", error)
        is_lacking = getattr(driver, "sqlite_errorname", "") in LACKING_FILE_SYSTEM
        reason = OTHER_FILE_SYSTEM if is_lacking else reason_of(driver)
        raise (LedgerUnavailable() if waiting_helps(driver) else _unusable(reason)) from error
    except (DBAPIError, sqlite3.DatabaseError) as error:
        raise _unusable(reason_of(error)) from error
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
        reason += ". Choose a file that the server may create and write"
        if error.errno == errno.ENOLCK:
            reason = OTHER_FILE_SYSTEM
        raise (_unusable(reason) if error.errno in PERMANENT_CAUSES else LedgerUnavailable()) from error


def _unusable(reason: str) -> UnusableDatabase:
    return UnusableDatabase(f"DATABASE_URL names a database that cannot be used: {reason}.")


def is_up_to_date(session: Session) -> bool:
    """Whether all migrations have run. A newer version's migrations count as well if this version is compatible with
    them (decision 99). Raises UnusableDatabase if it is not, for a database from before release 1.0.0, and for one of
    another program. Other tables do no harm.
    """
    tables = set(inspect(session.connection()).get_table_names())
    stored: str | None = None
    if "alembic_version" in tables:
        stored = session.scalar(text("SELECT version_num FROM alembic_version"))
    if "counters" not in tables and (stored or tables & db.metadata.tables.keys()):
        named = f"revision {stored}" if stored else f"a table {min(tables & db.metadata.tables.keys())}"
        raise _unusable(f"another program uses it: it has {named}. Set DATABASE_URL to another database")
    if stored and stored < OLDEST_REVISION:
        raise _unusable(
            f"it has revision {stored}, and upgrades begin at revision {OLDEST_REVISION}. Start commit "
            f"{LAST_UNSQUASHED_COMMIT} of this program on it once, and then this version"
        )
    if stored and stored > NEWEST_REVISION:
        compatible_from: str = session.scalar(text("SELECT compatible_from FROM database_identity"))
        if compatible_from > NEWEST_REVISION:
            raise _unusable(f"a newer version of this program has migrated it (revision {stored})")
        return True
    return stored == NEWEST_REVISION


def require_tables(session: Session) -> None:
    """Check that this program has used the database before. Raises UnusableDatabase."""
    if not inspect(session.connection()).has_table("counters"):
        raise _unusable("it has no counter. Set DATABASE_URL to where the data is. A server creates one when it starts")


def require_rights(session: Session) -> None:
    """Check that this PostgreSQL role has all rights it needs. Raises UnusableDatabase."""
    if lacked := rights.lacked(session):
        raise _unusable(f"its role lacks {lacked.rights}. As the owner of the tables, run {lacked.grants}")


def migrate(connection: Connection) -> None:
    """Run the missing migrations. Visits wait, and so do reads of tables that are being changed."""
    from alembic import command  # imported late, because it would cost every worker 12 MB
    from alembic.config import Config

    config = Config(MIGRATIONS / "alembic.ini", attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # it is interpolated
    lock_counters(connection)
    command.upgrade(config, "head")


def lock_counters(connection: Connection) -> None:
    """Lock the counters, if there are any, before other tables are changed. Batches of visits take this lock first: one
    that is already running would deadlock with the changes.
    """
    if connection.dialect.name != "sqlite" and inspect(connection).has_table("counters"):
        connection.execute(text("LOCK TABLE counters IN EXCLUSIVE MODE"))


@contextmanager
def exclusive_transaction() -> Iterator[Connection]:
    """Begin a transaction that blocks all writers until it ends; blocked writers fail after a few seconds. Readers see
    the state from before the transaction.
    """
    with exclusive(db.engine.url) as session:
        connection = session.connection()
        if connection.dialect.name != "sqlite":  # on SQLite, a writing transaction is exclusive anyway
            _lock_tables(connection)
        yield connection


def _lock_tables(connection: Connection) -> None:
    """Lock all tables, starting with `counters`, as in the ledger."""
    tables = sorted((table.name for table in db.metadata.sorted_tables), key=lambda name: name != "counters")
    for attempts_left in reversed(range(MAX_LOCK_ATTEMPTS)):
        try:
            with connection.begin_nested():
                connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
            return
        except OperationalError as error:
            if error.connection_invalidated or not attempts_left:
                raise


class Holder(NamedTuple):
    """The PostgreSQL process that holds the lock, and its client."""

    pid: int
    application: str
    client: str
    since: str | None  # ISO 8601, UTC


def _take_migration_lock(session: Session) -> None:
    """Take the PostgreSQL lock that lets only one process change tables, or the whole ledger.

    The lock belongs to the transaction, because a session-level lock would stay with a pooler's connection, which is
    passed on to other clients. This waits in short transactions, because a long one would occupy a pooled connection
    that the holder may need. The session is rolled back in between, so call this before anything else in it.

    Logs which connection holds the lock. Raises DatabaseInUse after MIGRATION_PATIENCE_S.
    """
    began, logged_pid = time.monotonic(), 0
    while not session.scalar(TRY_LOCK):
        row = session.execute(SELECT_HOLDER).one_or_none()
        session.rollback()
        if row is not None:
            logged_pid = _wait_for(Holder._make(row), time.monotonic() - began, logged_pid)
        time.sleep(LOCK_POLL_S)


def _wait_for(holder: Holder, waited_s: float, logged_pid: int) -> int:
    """Log a new holder. `logged_pid` is the pid logged last; returns the new one. Raises DatabaseInUse if this has
    waited too long.
    """
    if waited_s > MIGRATION_PATIENCE_S:
        raise DatabaseInUse(
            f"Another process changes this database, and has not finished within {MIGRATION_PATIENCE_S:.0f} s: "
            f"{_named(holder)}. "
            f"Start again when it has finished; if it hangs, end it first: SELECT pg_terminate_backend({holder.pid})."
        )
    if waited_s > LOG_AFTER_S and holder.pid != logged_pid:
        log.warning("database_lock_held pid=%s application=%r client=%s since=%s", *holder)
        return holder.pid
    return logged_pid


def _named(holder: Holder) -> str:
    return f"process {holder.pid} of PostgreSQL, application {holder.application!r}, client {holder.client}, " + (
        f"since {holder.since}" if holder.since else "since an unknown time"
    )
