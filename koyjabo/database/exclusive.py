"""An exclusive transaction, for changes of the ledger as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from koyjabo.core.extensions import db
from koyjabo.database import engine

ATTEMPTS = 10
"""Attempts to lock all tables. An attempt fails in a deadlock with a transaction that holds one table and waits for
another.
"""


@contextmanager
def exclusive_transaction() -> Iterator[Connection]:
    """A transaction that blocks all writers. They wait until it ends, and fail after some seconds; readers see the
    state before it.
    """
    with engine.exclusive(db.engine.url) as session:
        connection = session.connection()
        if connection.dialect.name != "sqlite":  # on SQLite, a writing transaction is exclusive anyway
            _lock_tables(connection)
        yield connection


def _lock_tables(connection: Connection) -> None:
    """Lock all tables: `counters` first, in the order of the ledger."""
    tables = sorted((table.name for table in db.metadata.sorted_tables), key=lambda name: name != "counters")
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with connection.begin_nested():
                connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
            return
        except OperationalError as error:
            if error.connection_invalidated or not attempts_left:
                raise
