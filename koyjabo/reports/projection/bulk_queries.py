"""Reads and writes many rows with one statement."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

Row = Sequence[Any]

SLICE = 1_000
"""Values of one list in a statement: SQLite limits them."""

JSON_KEYS = {
    "sqlite": "json_each(:keys) AS j JOIN {table} AS t ON {matches}",
    "postgresql": "json_array_elements(CAST(:keys AS json)) AS j(value) JOIN {table} AS t ON {matches}",
}


def insert(
    session: Session, table: str, columns: Sequence[str], rows: Collection[Row], key: Sequence[str] = ()
) -> None:
    """Insert rows. Those with the `key` of an existing row replace its other columns."""
    if not rows:
        return
    head, tail = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ", ""
    if key:
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
        tail = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"{head}({', '.join('?' * len(columns))}){tail}", list(map(tuple, rows)))
        return
    cursor, row = connection.connection.cursor(), f"({', '.join(['%s'] * len(columns))})"
    values = b", ".join(cursor.mogrify(row, tuple(each)) for each in rows).decode()
    # Not on the driver's cursor: the executor knows errors of SQLAlchemy, and its time limits go with the statement.
    connection.exec_driver_sql(head + values + tail, execution_options={"no_parameters": True})


def matching(
    session: Session, table: str, columns: Sequence[str], key: Sequence[str], keys: Collection[Sequence[str]]
) -> list[Any]:
    """The rows with these keys, each a list of texts."""
    matches = " AND ".join(f"t.{column} = j.value ->> {at}" for at, column in enumerate(key))
    source = JSON_KEYS[session.get_bind().dialect.name].format(table=table, matches=matches)
    wanted = ", ".join(f"t.{column}" for column in columns)
    return list(session.execute(text(f"SELECT {wanted} FROM {source}"), {"keys": json.dumps(list(keys))}))
