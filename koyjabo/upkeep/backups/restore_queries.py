"""Replaces all rows of all tables in a restore, on both kinds of database."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, and_, delete, exists, insert, literal, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError

from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import raise_sequences
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.models import OWN_ID, SITE, pair_losses
from koyjabo.upkeep.recounts.total_queries import record_epoch
from .backup_queries import CounterState, Row, converted, counter_state, tables

# Insert rows the same way as the ledger does. This is three times as fast as an INSERT with VALUES, and as fast as
# COPY.
INSERT_JSON = "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"


def is_used(connection: Connection) -> bool:
    """Whether the database contains visits, or what a feature counts as a sign of use."""
    has_visits = exists().where(Counter.scope == SITE, Counter.visits > 0)
    signs = (sign for rules in all_rules() for sign in rules.signs_of_use)
    return bool(connection.execute(select(or_(has_visits, *signs))).scalar())


def fitting(name: str, columns: Sequence[str]) -> Table | None:
    """The table `name`, if it accepts rows with these columns. None if it does not exist, lacks one of them, or has
    another mandatory column.
    """
    table = next((table for table in tables() if table.name == name), None)
    if table is None or not set(columns) <= set(table.columns.keys()):
        return None
    missing = [column for column in table.columns if column.name not in columns]
    return table if all(column.nullable or column.server_default is not None for column in missing) else None


def require_fitting(table: Table, columns: Sequence[str], new: Sequence[Row]) -> None:
    """Check the types of new rows, because SQLite would store any type. Raises ValueError."""
    for name, values in zip(columns, zip(*new, strict=True), strict=True):
        column = table.columns[name]
        kind = str if isinstance(column.type, LargeBinary) else column.type.python_type
        kinds = set(map(type, values))
        if kinds - {kind, NoneType if column.nullable else kind}:
            raise ValueError(f"{name} has values of the wrong type")
        present = [value for value in values if value is not None] if NoneType in kinds else values
        if kind is int and present and not -(2**63) <= min(present) <= max(present) < 2**63:
            raise ValueError(f"{name} has numbers that do not fit in 64 bits")
        if kind is str and b"\0" in "".join(present).encode():  # `encode` raises ValueError for lone surrogates
            raise ValueError(f"{name} has text with NUL characters")
        if isinstance(column.type, LargeBinary):
            _ = [b64decode(value, validate=True) for value in present]


def clear(connection: Connection) -> None:
    for table in reversed(tables()):
        connection.execute(delete(table))


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], new: Iterable[Row], separates: bool = False
) -> int:
    """Insert rows. Missing columns get their default. Raises ValueError for rows that the database refuses.

    With `separates`, a row whose key is already in the table is separated instead, as by an upgrade
    (`base.database.pairs_postgres`). Returns the number of these rows.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    binary = [at for at, name in enumerate(columns) if isinstance(table.columns[name].type, LargeBinary)]
    stored: Callable[[str], Any] = b64decode if is_sqlite else (lambda text: f"\\x{b64decode(text).hex()}")
    values = [dict(zip(columns, converted(row, binary, stored), strict=True)) for row in new]
    if not separates:
        _insert(connection, table, values)
        return 0
    if _is_inserted(connection, table, values):
        return 0
    return sum(not _is_inserted(connection, table, [row]) and _separated(connection, table, row) for row in values)


def _separated(connection: Connection, table: Table, row: dict[str, Any]) -> bool:
    """Insert a row whose key another one has. The newer of the two loses it. Without a rule, the row is left out."""
    for key, loss in pair_losses(table):
        if "created_ms" in row:  # rows are in the order of their ids, which may be random
            newer = and_(*(table.c[column] == row[column] for column in key), table.c.created_ms > row["created_ms"])
            own_id = literal(OWN_ID) + table.c.id
            values = {column: own_id if of == OWN_ID else of and table.c[of] for column, of in loss.items()}
            connection.execute(update(table).where(newer).values(values))
        changed = {column: f"{OWN_ID}{row['id']}" if of == OWN_ID else of and row[of] for column, of in loss.items()}
        if _is_inserted(connection, table, [row]) or _is_inserted(connection, table, [row | changed]):
            break
    return True


def _is_inserted(connection: Connection, table: Table, values: list[dict[str, Any]]) -> bool:
    """Insert rows, or none if their keys are not unique."""
    try:
        with connection.begin_nested():
            _insert(connection, table, values)
    except ValueError as error:
        if isinstance(error.__cause__, IntegrityError):
            return False
        raise
    return True


def _insert(connection: Connection, table: Table, values: list[dict[str, Any]]) -> None:
    try:
        if connection.dialect.name == "sqlite":
            connection.execute(insert(table), values)
        elif values:
            statement = INSERT_JSON.format(table=table.name, columns=", ".join(values[0]))
            connection.exec_driver_sql(statement, (json.dumps(values),))
    except (DataError, IntegrityError) as error:
        raise ValueError(str(error.orig)) from error


def begin_epoch(connection: Connection, before: CounterState, now_ms: int, reason: str) -> None:
    """Begin a new epoch after all rows have been inserted. Features revoke what may have been revoked since the
    backup.
    """
    restored = counter_state(connection)
    epoch = max(before.epoch + 1, restored.epoch + 1, now_ms)
    revision = max(before.revision + 1, restored.revision + 1, now_ms)
    connection.execute(update(Counter).values(epoch=epoch, revision=revision))
    for rules, *versions in zip(all_rules(), before.versions, restored.versions, strict=True):
        rules.invalidate_restored(connection, max(versions) + 1, now_ms)
    raise_sequences(connection)
    record_epoch(connection, epoch, now_ms, reason)
