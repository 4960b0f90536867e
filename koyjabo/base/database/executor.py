"""Runs database operations on real threads. An operation is a function that gets a SQLAlchemy session.

The ledger has its own statements, in batches (`ledger`). All less frequent work runs here, each operation in one
transaction, on four threads: for reads, writes, reports, and scans of all rows.

Splits a long change into small transactions, so that visits never wait long. Each transaction must be complete in
itself, so that an interrupted change can be continued.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from .batch_worker import BatchWorker, Job
from .engine import SNAPSHOT
from .outage_causes import CAUSE_REFUSED, cause_of

PATIENCE_S, TRANSACTION_LIMIT_S = 5.0, 10.0
UNTESTED_IDLE_S = 1.0
"""A connection that has been idle for longer than this is tested before it is used for a write, s."""

REPORT_LIMIT_S = 30.0
LONG_READ_LIMIT_S = 24 * 3600.0

AS_A_READER: dict[str, dict[str, Any]] = {
    "sqlite": SNAPSHOT["sqlite"],
    # Each statement sees all commits before it, as in a transaction. Omitting the transaction saves two round trips.
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}

ROLLBACK = "ROLLBACK TO SAVEPOINT "

Result = TypeVar("Result")
Params = ParamSpec("Params")
Operation = Callable[[Session], Any]


class Storable(Protocol):
    def store(self, session: Session) -> object:
        """Insert this in the session's transaction."""


class DatabaseExecutor:
    """Runs each operation in its own transaction.

    An operation receives the session, then the arguments. It may return ORM rows, which are then detached from the
    session. The operation joins the relations that its caller reads (`joinedload`): every relation is declared with
    `lazy="raise"`, so a relation that was not joined raises InvalidRequestError. An error in the operation rolls back
    and is raised to the caller.

    Raises LedgerUnavailable when the database cannot be reached, is locked, or takes too long. In that case nothing was
    changed, unless the database froze in the middle of a commit.
    """

    def __init__(self, database: URL, runtime: Runtime) -> None:
        self._database = database
        self._runtime = runtime
        self.is_closed = False
        self._reader, self._writer = (
            DatabaseThread(database, runtime, TRANSACTION_LIMIT_S, writes, PATIENCE_S) for writes in (False, True)
        )
        self._reporter, self._scanner = (
            DatabaseThread(database, runtime, REPORT_LIMIT_S, False, REPORT_LIMIT_S, SNAPSHOT) for _ in range(2)
        )

    def read(
        self, operation: Callable[Concatenate[Session, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Read a bounded number of rows."""
        return self._reader.run(lambda session: operation(session, *args, **kwargs))

    def write(
        self,
        operation: Callable[..., Result],
        *args: Any,
        audit: Storable | Callable[[Result], Storable | None] | None = None,
        mail: Storable | Callable[[Result], Storable | None] | None = None,
        **kwargs: Any,
    ) -> Result:
        """Change rows. The change is durable when this returns.

        `audit` (an entry of the audit log) and `mail` (an email for the outbox) are stored in the same transaction.
        They may be functions of the result, which may return None.
        """

        def audited(session: Session) -> Result:
            result = operation(session, *args, **kwargs)
            for addition in (audit, mail):
                row = addition(result) if callable(addition) else addition
                if row is not None:
                    row.store(session)
            return result

        return self._writer.run(audited)

    def report(
        self, operation: Callable[Concatenate[Session, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Read any number of rows from one snapshot, for up to REPORT_LIMIT_S. Only other reports wait for it."""
        return self._reporter.run(lambda session: operation(session, *args, **kwargs))

    def scan(
        self, operation: Callable[Concatenate[Session, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Like `report`, but for reads that take seconds. Only other scans wait for it."""
        return self._scanner.run(lambda session: operation(session, *args, **kwargs))

    def long_read(
        self, operation: Callable[Concatenate[Session, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Read everything from one snapshot, on a new thread, for up to LONG_READ_LIMIT_S."""
        thread = DatabaseThread(self._database, self._runtime, LONG_READ_LIMIT_S, False, PATIENCE_S, SNAPSHOT)
        try:
            result = thread.run(lambda session: operation(session, *args, **kwargs))
        except Exception:
            thread.close()
            raise
        thread.close()  # skipped after KeyboardInterrupt: that thread ends with the process
        return result

    def leave_replaced(self) -> None:
        """Make idle threads close their connections if the database was replaced. Does not wait."""
        for thread in self._threads():
            if thread.is_left_behind:
                self._runtime.start_task(thread.reconnect)

    def close(self) -> None:
        self.is_closed = True
        for thread in self._threads():
            thread.close()

    def _threads(self) -> "tuple[DatabaseThread, ...]":
        return self._writer, self._reader, self._reporter, self._scanner


class DatabaseThread:
    """A real thread with its own connection. It runs outside of the event loop, so it must not log or take a patched
    lock (see `batch_worker`).
    """

    def __init__(
        self,
        database: URL,
        runtime: Runtime,
        limit_s: float,
        writes: bool,
        patience_s: float,
        reads_as: dict[str, dict[str, Any]] = AS_A_READER,
    ) -> None:
        self._writes = writes
        self._reads_as = reads_as
        self._backend = _open(database, limit_s, self._opened)
        self._driver: Any = None  # the driver's latest connection
        self._connection: Connection | None = None
        self._used_at = 0.0  # monotonic s
        # Operations run one at a time. Each releases the lock when it is done, so visits can take it in between.
        self._group: BatchWorker[Operation, Any] = BatchWorker(runtime, self._work, patience_s, limit_s, most=1)
        self._group.interrupt_after(
            limit_s, lambda: self._backend.interrupt(self._driver), lambda: not self._backend.trusts(self._driver)
        )

    def run(self, operation: Callable[[Session], Result]) -> Result:
        result: Result = self._group.do(operation)
        return result

    @property
    def is_left_behind(self) -> bool:
        """Whether the database behind this thread's connection has been replaced."""
        return self._connection is not None and not self._backend.trusts(self._driver)

    def reconnect(self) -> None:
        with suppress(LedgerUnavailable):
            self.run(lambda session: None)

    def close(self) -> None:
        self._group.close()
        self._leave()

    def _work(self, take: Callable[[], list[Job[Operation, Any]]]) -> None:
        try:
            with self._backend.lock() if self._writes else nullcontext():
                for job in take():
                    self._finish(job)
        except OSError as error:  # the lock file cannot be locked
            raise LedgerUnavailable from error

    def _finish(self, job: Job[Operation, Any]) -> None:
        try:
            job.result = self._attempt(job.item)
        except (OperationalError, InterfaceError, InternalError, OSError) as error:
            job.error = LedgerUnavailable.because(error)
        except DBAPIError as error:
            was_refused = cause_of(error.orig or error) == CAUSE_REFUSED  # a right or a table is missing
            job.error = LedgerUnavailable.because(error) if was_refused or error.connection_invalidated else error
        except Exception as error:
            job.error = error

    def _attempt(self, operation: Operation) -> Any:
        """Run an operation. Repeat it once if the connection broke during a read, on a new one, or if a sequence was
        behind.
        """
        is_new = self._connection is None
        try:
            return self._transact(operation)
        except DBAPIError as error:
            if self._backend.gave_used_number(error):
                self._transact(self._backend.raise_sequences)
            elif is_new or self._writes or not error.connection_invalidated:
                raise
            return self._transact(operation)

    def _transact(self, operation: Operation) -> Any:
        connection = self._connected()
        try:
            with Session(bind=connection, expire_on_commit=False) as session, session.begin():
                return operation(session)
        except SQLAlchemyError:
            self._leave()
            raise

    def _connected(self) -> Connection:
        """The connection. It is tested first if it has been idle."""
        idle_s, self._used_at = time.monotonic() - self._used_at, time.monotonic()
        engine = self._backend.engine
        if self._connection is not None and not self._backend.trusts(self._driver):
            self._leave()
        if self._connection is not None and idle_s > UNTESTED_IDLE_S and engine.dialect.name != "sqlite":
            try:
                self._connection.execute(text("SELECT 1"))
                self._connection.rollback()
            except SQLAlchemyError:
                self._leave()
        if self._connection is None:
            self._connection = engine.connect()
            if not self._writes:
                self._connection.execution_options(**self._reads_as[engine.dialect.name])
        return self._connection

    def _opened(self, connection: Any) -> None:
        self._driver = connection

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


class ExecutorBackend(NamedTuple):
    """Functions for one kind of database. `trusts` and `interrupt` get the driver's connection; `interrupt` is called
    from another thread.
    """

    engine: Engine  # opens connections like the ledger's
    lock: Callable[[], AbstractContextManager[None]]  # the lock that writers of this database queue for
    trusts: Callable[[Any], bool] = lambda connection: True
    interrupt: Callable[[Any], None] = lambda connection: None
    gave_used_number: Callable[[Exception], bool] = lambda error: False
    raise_sequences: Operation = lambda session: None


def _open(database: URL, limit_s: float, opened: Callable[[Any], object]) -> ExecutorBackend:
    """Create the backend. `opened` is called with each new connection of the driver."""
    if database.get_backend_name() == "sqlite":
        from .file_lock import FileLock
        from .sqlite import SqliteConnection, connect

        path = str(database.database)

        def open_file() -> SqliteConnection:
            connection = connect(path)
            opened(connection)
            return connection

        engine = create_engine("sqlite://", creator=open_file, poolclass=NullPool, hide_parameters=True)
        return ExecutorBackend(engine, FileLock(path).held, lambda file: file is None or not file.is_replaced)
    from .postgres import connect_in_transactions, dsn, interrupt, limits
    from .sequences_postgres import gave_used_number, raise_sequences
    from .timelines import TIMELINES

    creator = partial(connect_in_transactions, dsn(database), opened)
    engine = create_engine(database, creator=creator, poolclass=NullPool, hide_parameters=True)
    ours = limits(limit_s)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def limit(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        """Send the time limits in the same message as the statement, because each of a reader's statements is a
        separate transaction. After an error, the server accepts only a rollback.
        """
        return (statement if statement.startswith(ROLLBACK) else ours + statement), parameters

    return ExecutorBackend(
        engine,
        nullcontext,
        TIMELINES.trusts,
        interrupt,
        gave_used_number,
        lambda session: raise_sequences(session.connection().exec_driver_sql),
    )
