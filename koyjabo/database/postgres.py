"""PostgreSQL: connections for every part of the product, and the time limits of transactions."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

CONNECT = {
    "connect_timeout": 3,
    "application_name": "koyjabo",
    # A silent peer is given up within about 6 s. A server that freezes while it holds the counter row loses it after
    # the same time.
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
STATEMENT_S = 5.0


def limits(statement_s: float = STATEMENT_S) -> str:
    """SQL for the start of a message that limits the time of statements, of waits for locks and of idle transactions.

    Valid until the transaction ends; without BEGIN, the message is a transaction. Settings of the session would stay
    with a pooler's connection, which is passed to other clients.
    """
    times_ms = {"statement": statement_s * 1000, "lock": 4000, "idle_in_transaction_session": 6000}
    return "".join(f"SET LOCAL {name}_timeout = {ms:.0f}; " for name, ms in times_ms.items())


def connect(url: URL) -> Any:
    """Open a connection in autocommit mode; callers begin transactions themselves."""
    connection = psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), **CONNECT)
    connection.autocommit = True
    return connection


def was_committed(cursor: Any, transaction: int) -> bool:
    """Whether a transaction was committed whose connection broke. Only the database knows: rows as it would have
    written them may be of another server. The caller holds a lock that the transaction held, so it has ended.
    """
    cursor.execute("SELECT txid_status(%s)", (transaction,))
    return bool(cursor.fetchone() == ("committed",))


def was_refused(error: Any) -> bool:
    """Whether the server refused with an error other than its shutdown (SQLSTATE 57P): a retry at once is useless."""
    return bool(error.pgcode) and not error.pgcode.startswith("57P")


def close(connection: Any) -> None:
    if connection is not None:
        with suppress(psycopg2.Error):
            connection.close()
