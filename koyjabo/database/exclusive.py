"""One transaction in which nobody else writes anywhere: for what changes the ledger as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.engine import RootTransaction
from sqlalchemy.exc import OperationalError

from koyjabo.database import engine
from koyjabo.extensions import db

ATTEMPTS = 10
"""To lock all tables: somebody who holds one of them and waits for another may be in the way."""


@contextmanager
def alone() -> Iterator[Connection]:
    """Writers wait until it is over, and are given up after some seconds; readers see what was before."""
    with engine.exclusive(db.engine.url), db.engine.connect() as connection, _begun(connection):
        yield connection


def _begun(connection: Connection) -> RootTransaction:
    for attempts_left in reversed(range(ATTEMPTS)):
        transaction = connection.begin()
        try:
            _lock(connection)
        except OperationalError:
            transaction.rollback()
            if not attempts_left:
                raise
        else:
            return transaction
    raise AssertionError("unreachable")


def _lock(connection: Connection) -> None:
    """On SQLite a transaction that writes is alone. Elsewhere counters come first, as the ledger takes them."""
    if connection.dialect.name != "sqlite":
        tables = sorted((table.name for table in db.metadata.sorted_tables), key=lambda name: name != "counters")
        connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
