"""The sequences that number rows on PostgreSQL.

A copy of a database may have all rows, and sequences that begin at 1 again: logical replication copies no sequences.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from koyjabo.base.core.errors import UnusableDatabase
from koyjabo.base.core.extensions import db

MAX_SKIPPED_NUMBERS = 10_000
"""How many numbers of a sequence one transaction skips if the role may not set the sequence."""

SEQUENCE_LOCK = 0x6B6F796D  # "koym", one of PostgreSQL's advisory locks
UNIQUE_VIOLATION = "23505"  # SQLSTATE

RAISED_NUMBER = f"""
CASE WHEN has_sequence_privilege(name, 'UPDATE') THEN setval(name, greatest(newest, nextval(name)))
ELSE (SELECT count(nextval(name) + number) FROM generate_series(1, least(newest - last, {MAX_SKIPPED_NUMBERS})) number)
END
"""


class LateSequence(NamedTuple):
    """A sequence that would give a number again."""

    table: str
    name: str  # with its schema
    newest: int  # the highest number in the table
    last: int  # the number that the sequence gave last


def numbered_tables() -> list[str]:
    """The tables whose `id` comes from a sequence."""
    return sorted(table.name for table in db.metadata.tables.values() if table.autoincrement_column is not None)


def late_sequences(session: Session) -> list[LateSequence]:
    """The sequences that are behind their tables. Needs the right to use them."""
    rows = session.connection().exec_driver_sql(_of_late_sequences('"table", name::text, newest, last'))
    return [LateSequence._make(row) for row in rows]


def raise_sequences(execute: Callable[[str], Any]) -> None:
    """Raise each sequence that is behind its table, or skip up to MAX_SKIPPED_NUMBERS if the role may not set it. Safe
    at any time: no sequence is lowered. `execute` runs statements in one transaction.
    """
    # Without the lock, two processes could set a sequence, and the second one would lower it.
    execute(f"SELECT pg_advisory_xact_lock({SEQUENCE_LOCK})")
    execute(_of_late_sequences(RAISED_NUMBER))


def prepare_sequences(session: Session) -> list[str]:
    """Raise the sequences that are behind. Returns the names of their tables. Raises UnusableDatabase if the role may
    not set one that is too far behind.
    """
    late = late_sequences(session)
    if late:
        raise_sequences(session.connection().exec_driver_sql)
    if left := late_sequences(session):
        commands = " ".join(f"SELECT setval('{row.name}', {row.newest});" for row in left)
        raise UnusableDatabase(
            "DATABASE_URL names a database that cannot be used: its sequences are behind its tables, and its role may "
            f"not set them. As their owner, run {commands.rstrip(';')}."
        )
    return [row.table for row in late]


def gave_used_number(error: Exception) -> bool:
    """Whether the database refused a row because a sequence gave its number again."""
    driver: Any = getattr(error, "orig", error)
    if getattr(driver, "pgcode", None) != UNIQUE_VIOLATION:
        return False
    return driver.diag.constraint_name in {f"{table}_pkey" for table in numbered_tables()}


def _of_late_sequences(values: str) -> str:
    """A query for `values` of the sequences that are behind."""
    sequences = " UNION ALL ".join(
        f"""SELECT '{table}' AS "table", pg_get_serial_sequence('{table}', 'id')::regclass AS name,
            (SELECT max(id) FROM {table}) AS newest"""
        for table in numbered_tables()
    )
    return f"""
SELECT {values}
FROM (SELECT *, coalesce(pg_sequence_last_value(name), 0) AS last FROM ({sequences}) of_tables OFFSET 0) known
WHERE newest > last
"""
