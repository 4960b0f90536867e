"""Statements that take many rows from one JSON parameter, for both databases. A row is a list of values that the
database unpacks, so any number of rows takes only one call to the driver.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Boolean, Integer, text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from koyjabo.base.models import Model

CASTS = ((Boolean, "boolean"), (Integer, "bigint"))
"""PostgreSQL types for JSON values other than texts."""

ROWS_AS_TABLE = {
    "sqlite": "json_each(:rows) r",
    "postgresql": "jsonb_array_elements(CAST(:rows AS jsonb)) r(value)",
}
"""The table of a RowsStatement, by database."""


class RowsStatement:
    """A statement that reads many rows. `{rows}` in it is a table `r` with one row each, the list `r.value`.

    A subquery for each row always uses the index. For a join, the planner may read the whole table.
    """

    def __init__(self, sql: str) -> None:
        self._texts = {name: text(sql.replace("{rows}", table)) for name, table in ROWS_AS_TABLE.items()}

    def run(self, session: Session, rows: Iterable[Sequence[Any]], **values: Any) -> Any:
        """Execute the statement in the session's transaction."""
        statement = self._texts[session.get_bind().dialect.name]
        return session.execute(statement, {"rows": json.dumps(list(rows)), **values})

    def run_by_id(self, session: Session, rows: Sequence[Sequence[Any]]) -> Any:
        """Execute the statement with rows that begin with their ids, in order. Its parameters `:first` and `:last` keep
        the planner from reading the whole table.
        """
        return self.run(session, rows, first=rows[0][0], last=rows[-1][0])


def sqlite_insert(model: type[Model], columns: Sequence[str] = (), conflict: str = "") -> str:
    """An INSERT of rows with these columns, by default all columns in order. `conflict` is the end of the statement."""
    names = columns or list(model.__table__.columns.keys())
    values = ", ".join(f"value ->> {at}" for at in range(len(names)))
    where = f" WHERE true {conflict}" if conflict else ""  # without WHERE, ON would be parsed as part of a join
    return f"{_into(model, names)} SELECT {values} FROM json_each(?){where}"


def postgres_insert(
    model: type[Model], columns: Sequence[str] = (), conflict: str = "", rows: str = "jsonb_array_elements(%s) r"
) -> str:
    """Like `sqlite_insert`, but for PostgreSQL. `rows` is the FROM list that yields the rows as `r`."""
    names = columns or list(model.__table__.columns.keys())
    values = ", ".join(_cast(f"r->>{at}", model.__table__.columns[name].type) for at, name in enumerate(names))
    return f"{_into(model, names)} SELECT {values} FROM {rows} {conflict}"


def insert_rows(
    session: Session, model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], conflict: str
) -> None:
    """Insert rows with these columns in the session's transaction. `conflict` is the end of the statement."""
    connection = session.connection()
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    connection.exec_driver_sql(insert(model, columns, conflict), (json.dumps(list(rows)),))


def adding(model: type[Model]) -> str:
    """The end of an INSERT that adds to the row if its key exists. All columns outside the key are sums."""
    key, sums = key_and_sums(model)
    grown = ", ".join(f"{name} = {model.__tablename__}.{name} + excluded.{name}" for name in sums)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {grown}"


def key_and_sums(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of a table of sums: its key, and the sums."""
    key = tuple(column.name for column in model.__table__.primary_key)
    return key, tuple(column.name for column in model.__table__.columns if not column.primary_key)


def insert_sums(model: type[Model], rows: str) -> str:
    """An INSERT of rows, VALUES or a SELECT, into a table of sums. It adds to existing rows."""
    return f"{_into(model, model.__table__.columns.keys())} {rows} {adding(model)}"


def stored_fields(model: type[Model], fields: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """The fields of a record that are columns of the table and are not in `given`."""
    return tuple(name for name in fields if name in model.__table__.columns and name not in given)


def reader(fields: Sequence[str], names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that reads several fields of a named tuple at once."""
    return itemgetter(*(fields.index(name) for name in names))


def _into(model: type[Model], names: Sequence[str]) -> str:
    return f"INSERT INTO {model.__tablename__} ({', '.join(names)})"


def _cast(value: str, type_: TypeEngine[Any]) -> str:
    kind = next((name for type_of_column, name in CASTS if isinstance(type_, type_of_column)), None)
    return f"({value})::{kind}" if kind else value
