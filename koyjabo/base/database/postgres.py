"""PostgreSQL: connections for all parts of the program, and the time limits of transactions.

`DATABASE_URL` may name several hosts, a primary and its standbys. They are tried in order. The first one that accepts
writes and is not an old primary is used (`base.database.timelines`).
"""

import os
import time
from _socket import SHUT_RDWR, socket  # the C module, because this code runs both on real threads and on the event loop
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode

import psycopg2
import psycopg2.extensions

from .notices_postgres import kept_notices
from .outage_causes import (
    CAUSE_AWAY,
    CAUSE_OLD_PRIMARY,
    CAUSE_READ_ONLY,
    CAUSE_REFUSED,
    CAUSE_STANDBY,
    cause_of_connecting,
)
from .timelines import TIMELINES, ServerTimeline

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

CONNECT_OPTIONS = {
    "connect_timeout": 3,
    "application_name": "koyjabo",
    "client_encoding": "UTF8",  # PGCLIENTENCODING, a role or a database may have another one
    # Detects a dead peer within about 6 s. A server that freezes while it holds the counter row loses it after the same
    # time.
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
SLOW_QUERY_S = 1.0
"""If a connection attempt takes longer than this to fail, the server is not responding, s."""

SHORT_TIMEOUT_S = 2
"""Time limit for connecting to one of several hosts, s: libpq's minimum. Each host that is down may take this long."""

OF_SEVERAL = {"target_session_attrs": "read-write"}
"""Default parameters for several hosts. A pooler only repeats what its server reported when it first connected, so
`position` asks the server itself.
"""

ORDER_OF_CAUSES = (CAUSE_OLD_PRIMARY, CAUSE_AWAY, CAUSE_READ_ONLY, CAUSE_STANDBY, CAUSE_REFUSED)
"""If hosts cannot be used for different causes, the first of these is reported: waiting helps unless all refuse."""

STATEMENT_S = 5.0
ASK_AGAIN_S = 1.0
"""How often a reading connection checks that it still reaches the same server, s. A pooler may have switched it."""

READ_ONLY_STATE, UNPREPARED_STATE, SHUTDOWN_STATES = "25006", "26000", "57P"  # SQLSTATEs; the last is a prefix

UNAVAILABLE_STATES: tuple[type[Exception], ...] = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,
    psycopg2.errors.InsufficientPrivilege,
    psycopg2.errors.UndefinedTable,
)
"""Errors of the database, not of the data. A demoted primary refuses to write, a right may be revoked (without USAGE of
its schema, a role finds no table), and a table may not be restored yet.
"""

TIMELINE_NUMBER = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint"
"""The timeline, from the beginning of a WAL file's name. The control file shows a new timeline only some seconds
later.
"""

SELECT_POSITION = (
    f"SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery() THEN {TIMELINE_NUMBER} END FROM pg_control_system()"
)
"""A read-only server is not always a standby: hosting services turn `default_transaction_read_only` on when a disk is
full. Such a server is still read.
"""

COMMITS_LATE = "SELECT current_setting('synchronous_commit') = 'off'"
COMMIT_NOW = "SET LOCAL synchronous_commit = on; "
ENCODING = "UTF8"

OnOpened = Callable[["PostgresConnection"], object]
"""A function that gets a connection as soon as it exists, so that later waits can be interrupted."""

SELECT_ACCEPTED = "SELECT coalesce(max(accepted_ms), 0) FROM database_identity"
DOES_NOT_SAY = (
    psycopg2.ProgrammingError,
    psycopg2.NotSupportedError,
    psycopg2.errors.ObjectNotInPrerequisiteState,  # Amazon Aurora, unless its `wal_level` is logical
)
"""Errors from services that resemble PostgreSQL without these functions, or that do not permit them."""


class Unreachable(psycopg2.OperationalError):  # type: ignore[misc]
    """No host can be used. `cause` is one of `outage_causes.OUTAGE_CAUSES`."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


def _whole(method: Callable[..., Any]) -> Callable[..., Any]:
    """Raise OperationalError, and close the connection, if it broke in the middle of a result. Psycopg raises the base
    class of all errors for that; errors of the server have a class for their SQLSTATE.
    """

    def call(cursor: Any, *given: Any) -> Any:
        try:
            return method(cursor, *given)
        except psycopg2.DatabaseError as error:
            if type(error) is not psycopg2.DatabaseError:
                raise
            cursor.connection.close()
            raise psycopg2.OperationalError(str(error)) from error

    return call


class PostgresCursor(psycopg2.extensions.cursor):  # type: ignore[misc]
    execute = _whole(psycopg2.extensions.cursor.execute)
    executemany = _whole(psycopg2.extensions.cursor.executemany)
    fetchmany = _whole(psycopg2.extensions.cursor.fetchmany)
    fetchall = _whole(psycopg2.extensions.cursor.fetchall)


class PostgresConnection(psycopg2.extensions.connection):  # type: ignore[misc]
    """A connection. `server` is the server it was opened to, or None if unknown."""

    server: ServerTimeline | None = None
    place = "", ""  # host and port
    distrusted = 0  # `TIMELINES.distrusted` when it was opened
    durable = ""
    """SQL that makes the transaction's commit wait for the disk, because the operator's settings do not."""


def limits(statement_s: float = STATEMENT_S) -> str:
    """SQL that begins a message and limits the time of statements, lock waits and idle transactions. It applies until
    the transaction ends; without BEGIN, the message is a transaction. Session settings would stay with a pooler's
    connection, which is passed on to other clients.
    """
    times_ms = {"statement": statement_s * 1000, "lock": 4000, "idle_in_transaction_session": 6000}
    return "".join(f"SET LOCAL {name}_timeout = {ms:.0f}; " for name, ms in times_ms.items())


def dsn(url: "URL") -> str:
    """The URL for libpq, with its password. Everything is in the query, because SQLAlchemy writes spaces there as `+`,
    and does not escape all of the rest.
    """
    host = unquote(url.host) if url.host else None
    parts = {"host": host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    given = {name: value for name, value in parts.items() if value}
    return f"postgresql://?{urlencode({**given, **url.query}, doseq=True, quote_via=quote)}"


def connect(dsn: str, opened: OnOpened = lambda connection: None) -> PostgresConnection:
    """Open a connection in autocommit mode; callers begin transactions themselves. Raises Unreachable if no host can be
    used.
    """
    failures: list[psycopg2.OperationalError] = []
    for parameters in sorted(_places(dsn), key=lambda host: TIMELINES.silent.get(_place(host), 0)):
        began = time.monotonic()
        try:
            connection = _connect_to(parameters, opened)
            TIMELINES.silent.pop(_place(parameters), None)
            return connection
        except psycopg2.OperationalError as error:
            failures.append(error)
            if time.monotonic() - began > SLOW_QUERY_S:
                TIMELINES.silent[_place(parameters)] = time.monotonic()
    causes = {cause_of_connecting(failure) for failure in failures}
    cause = next(cause for cause in ORDER_OF_CAUSES if cause in causes)
    if cause != CAUSE_OLD_PRIMARY:
        TIMELINES.refusal = ""
    # libpq repeats itself if it tries to connect with TLS first, then without.
    lines = (dict.fromkeys(str(failure).split("\n")) for failure in failures)
    texts = (" ".join(line for line in parts if not line.startswith("\t")) for parts in lines)  # without its hints
    raise Unreachable("; ".join(" ".join(text.split()) for text in texts), cause)


def connect_in_transactions(dsn: str, opened: OnOpened = lambda connection: None) -> PostgresConnection:
    """Open a connection whose driver begins transactions, as SQLAlchemy expects."""
    connection = connect(dsn, opened)
    connection.autocommit = False
    return connection


def _places(dsn: str) -> Iterator[dict[str, Any]]:
    """Yield the connection parameters for each host. libpq itself would stop at an old primary that comes first."""
    given = {**psycopg2.extensions.parse_dsn(dsn), **CONNECT_OPTIONS}
    hosts, ports = given.get("host", "").split(","), given.get("port", "").split(",")
    if len(hosts) == 1:
        yield given
        return
    ports = ports if len(ports) == len(hosts) else ports * len(hosts)
    for host, port in zip(hosts, ports, strict=False):
        yield {**OF_SEVERAL, **given, "host": host, "port": port, "connect_timeout": SHORT_TIMEOUT_S}


def _place(parameters: dict[str, Any]) -> tuple[str, str]:
    return parameters.get("host", ""), parameters.get("port", "")


def _connect_to(parameters: dict[str, Any], opened: OnOpened) -> PostgresConnection:
    factories = {"connection_factory": PostgresConnection, "cursor_factory": PostgresCursor}
    with kept_notices():
        connection: PostgresConnection = psycopg2.connect(**factories, **parameters)
    try:
        connection.place = _place(parameters)
        opened(connection)
        connection.autocommit = True
        _require_encoding(connection)
        connection.distrusted, connection.server = TIMELINES.distrusted, server_of(connection)
        if connection.server is not None and not TIMELINES.admits(connection.server):
            raise Unreachable(TIMELINES.refusal, CAUSE_OLD_PRIMARY)
        connection.durable = _durable(connection)
    except BaseException:
        close(connection)
        raise
    return connection


def _require_encoding(connection: PostgresConnection) -> None:
    """Check that the database stores all of Unicode. Raises Unreachable."""
    encoding = connection.get_parameter_status("server_encoding")
    if encoding not in (ENCODING, None):
        raise Unreachable(
            f"its encoding is {encoding}, which cannot store all texts; create one with ENCODING '{ENCODING}'",
            CAUSE_REFUSED,
        )


def _durable(connection: PostgresConnection) -> str:
    with connection.cursor() as cursor:
        cursor.execute(COMMITS_LATE)
        return COMMIT_NOW if cursor.fetchone()[0] else ""


def position(connection: Any) -> tuple[int, int] | None:
    """The system and current timeline of a connection's server; None if the server does not report them.

    Raises Unreachable if the server is a standby.
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute(SELECT_POSITION)
        except DOES_NOT_SAY:
            return None
        system, timeline = cursor.fetchone()
    if timeline is None:
        raise Unreachable("the server accepts no writes: it is a standby", CAUSE_STANDBY)
    return system, timeline


def server_of(connection: Any) -> ServerTimeline | None:
    """The `position` of a connection's server, and when an operator last accepted that server."""
    known = position(connection)
    if known is None:
        return None
    system, timeline = known
    with connection.cursor() as cursor:
        try:
            cursor.execute(SELECT_ACCEPTED)
            accepted_ms = cursor.fetchone()[0]
        except psycopg2.ProgrammingError:  # a database without tables
            accepted_ms = 0
    return ServerTimeline(system, accepted_ms, timeline)


class PostgresLink:
    """A connection for one thread. It is opened when first needed, and reopened after an error or when its server must
    no longer be used.
    """

    def __init__(self, url: "URL") -> None:
        self._dsn = dsn(url)
        self._connection: PostgresConnection | None = None
        self._newest: PostgresConnection | None = None  # may not be in use yet, or no longer
        self._checked_at = 0.0  # monotonic s

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def connection(self) -> PostgresConnection:
        """The connection, opened if necessary. Raises psycopg2.OperationalError."""
        if self._connection is not None and not TIMELINES.trusts(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connect(self._dsn, self._opened)
            self._checked_at = time.monotonic()
        return self._connection

    def checked_connection(self) -> PostgresConnection:
        """The connection, after checking that its server is still the same. Raises psycopg2.OperationalError.

        If a pooler has switched it to another server, all connections of this process are reopened, to check whether
        that server may be used.
        """
        connection, now = self.connection(), time.monotonic()
        if connection.server is not None and now - self._checked_at > ASK_AGAIN_S:
            self._checked_at = now
            system, _, timeline = connection.server
            if position(connection) != (system, timeline):
                TIMELINES.distrusted += 1
                return self.connection()
        return connection

    def close(self) -> None:
        close(self._connection)
        self._connection = None

    def interrupt(self) -> None:
        """Abort the other thread's wait."""
        interrupt(self._newest)

    def _opened(self, connection: PostgresConnection) -> None:
        self._newest = connection


def interrupt(connection: PostgresConnection | None) -> None:
    """End another thread's wait for the server, if any. That thread then gets an error."""
    if connection is None:
        return
    with suppress(psycopg2.Error, OSError):  # it is closed
        line = socket(fileno=os.dup(connection.fileno()))
        TIMELINES.silent[connection.place] = time.monotonic()
        try:
            line.shutdown(SHUT_RDWR)
        finally:
            line.close()


def was_refused(error: Any) -> bool:
    """Whether the server refused the work itself, so that a retry is useless. A shutdown, a demotion or a lost prepared
    statement is not such a refusal.
    """
    return bool(error.pgcode) and not error.pgcode.startswith((SHUTDOWN_STATES, READ_ONLY_STATE, UNPREPARED_STATE))


def close(connection: Any) -> None:
    if connection is not None:
        with suppress(psycopg2.Error):
            connection.close()
