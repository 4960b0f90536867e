"""Reads all rows of all tables for a backup, on both kinds of database."""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, Table, func, select
from sqlalchemy.orm import Session

from koyjabo.base.core.extensions import db
from koyjabo.base.database.models import Counter
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.models import IN_BACKUPS, SITE
from koyjabo.upkeep import backup_record_queries

ROWS_PER_READ = 1_000
"""Rows per read."""

Row = Sequence[Any]


class CounterState(NamedTuple):
    """Numbers that a restore has to increase, so that servers and pages notice it."""

    epoch: int
    revision: int
    versions: tuple[int, ...]  # of the features, in order


def tables() -> list[Table]:
    """All tables in a backup. Tables with a foreign key come after the tables they refer to, so that rows can be
    inserted in this order. A restore changes no other tables.
    """
    return [table for table in db.metadata.sorted_tables if table.info.get(IN_BACKUPS, True)]


def count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def total(connection: Connection) -> int:
    return connection.execute(select(Counter.total).where(Counter.scope == SITE)).scalar_one()


def rows(connection: Connection, table: Table) -> Iterator[Sequence[Row]]:
    """All rows in primary key order, ROWS_PER_READ at a time. Binary values are encoded in Base64."""
    query = select(table).order_by(*table.primary_key)
    binary = [at for at, column in enumerate(table.columns) if isinstance(column.type, LargeBinary)]
    for piece in connection.execute(query, execution_options={"yield_per": ROWS_PER_READ}).partitions():
        yield (
            [converted(row, binary, lambda stored: b64encode(stored).decode()) for row in piece] if binary else piece
        )


def counter_state(connection: Connection) -> CounterState:
    newest = select(func.coalesce(func.max(Counter.epoch), 0), func.coalesce(func.max(Counter.revision), 0))
    versions = tuple(rules.version(connection) for rules in all_rules())
    return CounterState(*connection.execute(newest).one(), versions)


def known_backups(connection: Connection) -> set[object]:
    with Session(connection) as session:
        return backup_record_queries.known_backups(session)


def converted(row: Row, binary: Collection[int], change: Callable[[Any], Any]) -> Row:
    return [change(value) if at in binary and value is not None else value for at, value in enumerate(row)]
