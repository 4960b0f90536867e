"""The lease of an import on PostgreSQL, which keeps other imports out across many transactions. It is a row of
`nightly_work`, because a session-level lock would stay with a pooler's connection, which is passed on to other clients.

The holder renews the lease as long as its process lives, and checks it within each of its transactions (`Lease.fence`).
Times are the database's, because the clocks of machines differ.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from koyjabo.base.core.errors import DatabaseInUse

LEASE_S = 10.0
"""Length of a lease, s. After this time without a renewal, the holder is considered dead or frozen, and another process
may take the lease.
"""

RENEW_S = 2.0
POLL_S = 0.2

# Parameters are in psycopg2's style, because the ledger executes these statements on the driver's connection.
NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
TAKE = f"""
INSERT INTO nightly_work AS l (name, day, worker, seen_ms) VALUES ('import', '', %(holder)s, {NOW_MS})
ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, seen_ms = excluded.seen_ms
WHERE l.worker = '' OR l.seen_ms < excluded.seen_ms - %(lease_ms)s
"""
IS_HELD = f"""
SELECT 1 FROM nightly_work WHERE name = 'import' AND worker <> '' AND seen_ms >= {NOW_MS} - %(lease_ms)s
"""
SEEN_MS = "SELECT seen_ms FROM nightly_work WHERE name = 'import'"
RENEW = f"UPDATE nightly_work SET seen_ms = {NOW_MS} WHERE name = 'import' AND worker = %(holder)s"
END = "DELETE FROM nightly_work WHERE name = 'import' AND worker = %(holder)s"

LOCK_LIMIT = "SET LOCAL lock_timeout = '2s';"
"""How long to wait for the row. A roll-up or an import locks it for milliseconds, a restore for minutes."""

LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE

Fence = Callable[[Any], object]
"""A function that gets the driver's cursor in a transaction, and raises an error if the transaction must not be
committed.
"""


class Lease:
    """A lease that this process holds. Thread-safe."""

    def __init__(self, engine: Engine, holder: str) -> None:
        self._engine = engine
        self._holder = {"holder": holder}
        self._ended = threading.Event()

    def fence(self, cursor: Any) -> None:
        """Check that the lease is held, and keep it until the transaction of `cursor` ends. Raises DatabaseInUse."""
        cursor.execute(RENEW, self._holder)
        if cursor.rowcount != 1:
            raise DatabaseInUse(
                f"This import was unresponsive for {LEASE_S:.0f} s, so other work that must not run at the same time "
                "has started. What was imported before that is kept; import the same file again."
            )

    def renew(self) -> None:
        """Renew the lease until `end` is called, however long the import waits for its input."""
        while not self._ended.wait(RENEW_S):
            self._do(RENEW)

    def end(self) -> None:
        self._ended.set()
        self._do(END)

    def _do(self, statement: str) -> None:
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.exec_driver_sql(LOCK_LIMIT + statement, self._holder)


@contextmanager
def held(engine: Engine) -> Iterator[Lease | None]:
    """Hold the lease. Yields None if another live process holds it."""
    holder = secrets.token_hex(16)
    if not _taken(engine, holder):
        yield None
        return
    lease = Lease(engine, holder)
    renewing = threading.Thread(target=lease.renew, daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        lease.end()
        renewing.join()


def is_held(connection: Connection) -> bool:
    return connection.exec_driver_sql(IS_HELD, _taking("")).first() is not None


def keep_free(connection: Connection) -> bool:
    """Whether the lease is free. If it is, it stays free until the transaction ends. Ends an expired lease."""
    return connection.exec_driver_sql(TAKE, _taking("")).rowcount == 1


def _taken(engine: Engine, holder: str) -> bool:
    """Wait until the lease can be taken or its holder renews it. Returns False if it was renewed, because its holder is
    then alive.
    """
    first_seen = None
    try:
        while (seen_ms := _take(engine, holder)) is not None:
            first_seen = first_seen or seen_ms
            if seen_ms != first_seen:
                return False
            time.sleep(POLL_S)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _take(engine: Engine, holder: str) -> int | None:
    """Try to take the lease. Returns None on success, otherwise the time of its last renewal, ms."""
    with engine.begin() as connection:
        if connection.exec_driver_sql(LOCK_LIMIT + TAKE, _taking(holder)).rowcount == 1:
            return None
        return int(connection.exec_driver_sql(SEEN_MS).scalar_one())


def _taking(holder: str) -> dict[str, Any]:
    return {"holder": holder, "lease_ms": int(LEASE_S * 1000)}
