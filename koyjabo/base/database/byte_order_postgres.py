"""Makes PostgreSQL compare our texts by their bytes, as SQLite does (decision 132).

The order of a database's default collation comes from the system below it. After a change of that order, such as a new
image brings, an index no longer finds some of its rows, and admits them a second time.
"""

import logging
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError

from koyjabo.base.core.extensions import db
from .engine import exclusive, lock_counters
from .pairs_postgres import separate_pairs

log = logging.getLogger("koyjabo.migrations")

SET_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '2s'"
"""While a report or a backup delays the lock of a table, visits wait behind it. After this time they go on, and the
start tries again.
"""

SELECT_COLUMNS = text("""
SELECT c.relname AS name, greatest(c.reltuples, 0)::bigint AS rows, a.attname AS "column",
    format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relname = ANY(:tables) AND c.oid = to_regclass(c.relname) AND a.attnum > 0 AND NOT a.attisdropped
AND l.collname <> 'C'
ORDER BY c.reltuples, c.relname, a.attnum
""")


class TextTable(NamedTuple):
    """A table with columns that do not compare by bytes yet."""

    name: str
    rows: int  # as PostgreSQL estimates
    types: dict[str, str]  # by column


def text_tables(connection: Connection) -> list[TextTable]:
    """The tables that have to be changed, the smallest first."""
    tables: dict[str, TextTable] = {}
    for row in connection.execute(SELECT_COLUMNS, {"tables": ["alembic_version", *sorted(db.metadata.tables)]}):
        tables.setdefault(row.name, TextTable(row.name, row.rows, {})).types[row.column] = row.type
    return list(tables.values())


def change_each_table(database: URL) -> None:
    """Change all existing tables, each in its own transaction: the next start continues after a crash. Raises
    DatabaseInUse.
    """
    with exclusive(database) as session:
        tables = text_tables(session.connection())
    for number, table in enumerate(tables, 1):
        log.info("table_rebuilding name=%s rows=%d number=%d of=%d", table.name, table.rows, number, len(tables))
        with exclusive(database) as session:
            change_tables(session.connection(), only=table.name)


def change_tables(connection: Connection, only: str = "") -> None:
    """Give all text columns of the tables, or of one table, the collation "C", which rebuilds their indexes. Separates
    pairs if the indexes had admitted some. Visits wait.
    """
    connection.exec_driver_sql(SET_LIMITS)
    lock_counters(connection)
    for table in text_tables(connection):
        if table.name == only or not only:
            try:
                with connection.begin_nested():
                    _change(connection, table)
            except IntegrityError:
                separate_pairs(connection, table.name)
                _change(connection, table)


def _change(connection: Connection, table: TextTable) -> None:
    columns = ", ".join(f'ALTER "{name}" TYPE {type} COLLATE "C"' for name, type in table.types.items())
    connection.exec_driver_sql(f"ALTER TABLE {table.name} {columns}")
