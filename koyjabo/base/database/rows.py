"""Query helpers: count, limit, page and order rows, and find rows by time."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Session

Item = TypeVar("Item")

DISORDER_MS = 60_000
"""Maximum difference between the order of ids and the order of times, ms. Requests wait for their commit, and the
clocks of servers differ.
"""

LIMIT_LOCK = 0x6B6F796C  # "koyl", the first key of the PostgreSQL advisory locks for tables with a limit
LOCK_LIMIT = text(f"SELECT pg_advisory_xact_lock({LIMIT_LOCK}, hashtext(:name))")


class Slice(NamedTuple, Generic[Item]):
    """One slice of a list, and the length of the whole list."""

    items: tuple[Item, ...]
    total: int


def slice_of(session: Session, query: Select[Item], start: int, count: int) -> Slice[Item]:
    """`count` rows from the offset `start`, and the number of all rows."""
    rows = session.scalars(query.offset(start).limit(count))
    keys: Select[int] = query.with_only_columns(literal_column("1"), maintain_column_froms=True).order_by(None)
    return Slice(tuple(rows), length(session, keys))


def length(session: Session, query: Select[*tuple[Any, ...]]) -> int:
    """The number of rows that a query returns."""
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def lock_limit(session: Session, table: Any) -> None:
    """Lock a table's limit, so that only one transaction at a time counts its rows and adds one. Only callers of this
    function wait, until the commit. Not needed on SQLite, which has one writer.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK_LIMIT, {"name": table.__tablename__})


def raise_sequences(connection: Connection) -> None:
    """Raise sequences that are behind the rows they number (`sequences_postgres`). SQLite has none."""
    if connection.dialect.name != "sqlite":
        from . import sequences_postgres

        sequences_postgres.raise_sequences(connection.exec_driver_sql)


def ordered_by(orders: Mapping[str, Any], order: str) -> ColumnElement[Any]:
    """The expression to order by, for a name in `orders`, descending if prefixed with "-". Rows without a value come
    last.
    """
    column: ColumnElement[Any] = orders[order.removeprefix("-")]
    return (column.desc() if order.startswith("-") else column.asc()).nulls_last()


def last_before(session: Session, table: Any, moment_ms: int, after: int, upto: int) -> int:
    """The last id in (`after`, `upto`] whose row is from before a moment; `after` if there is none.

    Uses bisection. Ids are assigned in commit order, which is nearly chronological.
    """
    next_row = select(table.id, table.at_ms).where(table.id.between(bindparam("middle"), bindparam("upto")))
    next_row = next_row.order_by(table.id).limit(1)
    while after < upto:
        middle = (after + upto + 1) // 2
        row = session.execute(next_row, {"middle": middle, "upto": upto}).first()  # some ids are missing
        if row is not None and row.at_ms < moment_ms:
            after = row.id
        else:
            upto = middle - 1
    return after


def ids_between(
    session: Session, table: Any, began_ms: int | None, ended_ms: int | None, after: int, upto: int
) -> tuple[int, int]:
    """A range of ids within (`after`, `upto`], excluding the first number and including the second. It contains all
    rows from the requested time and few others.
    """
    low = after if began_ms is None else last_before(session, table, began_ms - DISORDER_MS, after, upto)
    high = upto if ended_ms is None else last_before(session, table, ended_ms + DISORDER_MS, after, upto)
    return low, high


def changed_rows(session: Session, statement: Executable, parameters: dict[str, Any] | None = None) -> int:
    """Execute an UPDATE or DELETE without RETURNING, and return how many rows it matched."""
    result = session.execute(statement, parameters)
    assert isinstance(result, CursorResult)
    return result.rowcount


def change_in_database(session: Session, statement: Executable) -> int:
    """`changed_rows`, without the search for rows to change among those that the session has loaded."""
    return changed_rows(session, statement.execution_options(synchronize_session=False))
