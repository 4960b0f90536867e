"""One transaction in which nobody else writes anywhere: for what changes the ledger as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from koyjabo.database import engine
from koyjabo.extensions import db

ATTEMPTS = 10
"""To lock all tables: somebody who holds one of them and waits for another may be in the way."""


@contextmanager
def alone() -> Iterator[Connection]:
    """Writers wait until it is over, and are given up after some seconds; readers see what was before."""
    with engine.exclusive(db.engine.url) as session:
        connection = session.connection()
        if connection.dialect.name != "sqlite":  # there a transaction that writes is alone
            _lock_tables(connection)
        yield connection


def _lock_tables(connection: Connection) -> None:
    """Counters first, as the ledger takes them."""
    tables = sorted((table.name for table in db.metadata.sorted_tables), key=lambda name: name != "counters")
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            with connection.begin_nested():
                connection.execute(text(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"))
            return
        except OperationalError as error:
            if error.connection_invalidated or not attempts_left:
                raise
