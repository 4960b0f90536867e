"""PostgreSQL: how every part of the product connects, and the limits of its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

CONNECT = {
    "connect_timeout": 3,
    "application_name": "koyjabo",
    # A peer that went silent is given up on within about 6 s, and a server that was frozen while it held the counter
    # row loses it after as long.
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
STATEMENT_S = 5.0


def limits(statement_s: float = STATEMENT_S) -> str:
    """How long a statement may take, wait for a lock, and leave a transaction idle: the beginning of a message.

    Valid until the transaction ends; without BEGIN, the message is a transaction. Settings of the session would stay
    with a pooler's connection, which other clients get.
    """
    times_ms = {"statement": statement_s * 1000, "lock": 4000, "idle_in_transaction_session": 6000}
    return "".join(f"SET LOCAL {name}_timeout = {ms:.0f}; " for name, ms in times_ms.items())


def connect(url: URL):
    """Open a connection in autocommit; transactions are begun by hand. Text in JSON keeps everything UTF-8."""
    connection = psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), **CONNECT)
    connection.autocommit = True
    return connection
