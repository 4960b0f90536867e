"""Every row of every table, out of one database and into another, of whichever kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, exists, func, insert, or_, select, text, update

from koyjabo.extensions import db
from koyjabo.maintenance.total_queries import record_epoch
from koyjabo.models import SITE, AccessVersion, Community, Counter, LoginSession, User

AT_ONCE = 1_000
"""Rows that are read, or written, in one step."""

# As the ledger does it: three times as fast as an INSERT of values, and as fast as COPY.
PUT = "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"

Row = Sequence[Any]


class CounterState(NamedTuple):
    """What has to be greater after a database has been replaced, so that everybody notices."""

    epoch: int
    revision: int
    access: int


def tables() -> list[Table]:
    """In an order in which rows can be put in: whatever refers to a table comes after it."""
    return list(db.metadata.sorted_tables)


def count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def total(connection: Connection) -> int:
    return connection.execute(select(Counter.total).where(Counter.scope == SITE)).scalar_one()


def rows(connection: Connection, table: Table) -> Iterator[Sequence[Row]]:
    """All rows, in the order of their keys, some at a time: never more are in memory."""
    wanted = select(table).order_by(*table.primary_key)
    yield from connection.execute(wanted, execution_options={"yield_per": AT_ONCE}).partitions()


def standing(connection: Connection) -> CounterState:
    newest = select(func.coalesce(func.max(Counter.epoch), 0), func.coalesce(func.max(Counter.revision), 0))
    access = connection.execute(select(func.max(AccessVersion.version))).scalar()
    return CounterState(*connection.execute(newest).one(), access or 0)


def is_used(connection: Connection) -> bool:
    """Anything was ever counted, or anybody signed up: more than the admin who is made at the first start."""
    return bool(
        connection.execute(
            select(
                or_(
                    exists().where(Counter.scope == SITE, Counter.visits > 0),
                    exists().where(User.is_admin.is_(False)),
                    exists().where(LoginSession.id.is_not(None)),
                    exists().where(Community.id.is_not(None)),
                )
            )
        ).scalar()
    )


def fitting(name: str, columns: Sequence[str]) -> Table | None:
    """The table that takes rows of these columns, if there is one: those it has besides can be left out."""
    table = db.metadata.tables.get(name)
    if table is None or not set(columns) <= set(table.columns.keys()):
        return None
    missing = [column for column in table.columns if column.name not in columns]
    return table if all(column.nullable or column.server_default is not None for column in missing) else None


def clear(connection: Connection) -> None:
    for table in reversed(tables()):
        connection.execute(delete(table))


def put(connection: Connection, table: Table, columns: Sequence[str], some: Iterable[Row]) -> None:
    """Columns that are not named take their default."""
    values = [dict(zip(columns, row, strict=True)) for row in some]
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), values)
    else:
        statement = PUT.format(table=table.name, columns=", ".join(columns))
        connection.exec_driver_sql(statement, (json.dumps(values),))


def begin_anew(connection: Connection, before: CounterState, now_ms: int, reason: str) -> None:
    """After all rows have been put in: a new epoch, which everybody follows; nobody is logged in."""
    found = standing(connection)
    epoch = max(before.epoch + 1, found.epoch + 1, now_ms)
    revision = max(before.revision + 1, found.revision + 1, now_ms)
    connection.execute(update(Counter).values(epoch=epoch, revision=revision))
    connection.execute(update(LoginSession).where(LoginSession.revoked_ms.is_(None)).values(revoked_ms=now_ms))
    connection.execute(delete(AccessVersion))
    connection.execute(insert(AccessVersion).values(id=1, version=max(before.access, found.access) + 1))
    _move_sequences(connection)
    record_epoch(connection, epoch, now_ms, reason)


def _move_sequences(connection: Connection) -> None:
    """PostgreSQL hands out keys by sequences, which no transaction takes back: they are only ever moved on."""
    if connection.dialect.name == "sqlite":
        return
    for table in tables():
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        if "id" in table.columns and connection.execute(text(f"SELECT {sequence}")).scalar():
            newest = f"greatest((SELECT coalesce(max(id), 0) FROM {table.name}), nextval({sequence}))"
            connection.execute(text(f"SELECT setval({sequence}, {newest})"))
