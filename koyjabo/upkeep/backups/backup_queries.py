"""Reads and writes all rows of all tables, on both kinds of database. Also reads the audit log's records of backups."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import NoneType
from typing import Any, NamedTuple

from sqlalchemy import Connection, LargeBinary, Table, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.extensions import db
from koyjabo.base.database.models import Counter
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.jobs.models import NightlyWork
from koyjabo.base.models import IN_BACKUPS, SITE
from koyjabo.columns.blocks.state_queries import CHANGES_MARK
from koyjabo.counting.models import Watermark
from koyjabo.people.audit import queries as audit
from koyjabo.people.audit.models import AuditLine
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.upkeep.recounts.recount_queries import record_epoch

WORK = "backups"
"""The row in `nightly_work`. Until the first night, its `seen_ms` is when backups were turned on."""

BACKUP, FAILED = "ledger.backup", "backup.failed"
"""Actions in the audit log. The details of a verified backup have `proven`."""

MAX_RECORDS = 100
"""How many records of the audit log are searched for a verified backup."""

TURN_ON = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms, ended_ms) VALUES (:name, :day, '', :now_ms, :now_ms)
ON CONFLICT DO NOTHING
""")


def turn_on(session: Session, day: str, now_ms: int) -> None:
    """Record that backups are turned on, and that the backup of `day` is not needed. Idempotent."""
    session.execute(TURN_ON, {"name": WORK, "day": day, "now_ms": now_ms})


def on_since_ms(session: Session) -> int | None:
    return session.scalar(select(NightlyWork.seen_ms).where(NightlyWork.name == WORK))


def verified(session: Session) -> AuditRecord | None:
    """The record of the latest verified backup."""
    records = audit.newest(session, (BACKUP,), MAX_RECORDS)
    return next((record for record in records if "proven" in record.details), None)


def failures(session: Session, after: int = 0) -> tuple[AuditRecord, ...]:
    """The latest failures with larger ids than `after`, newest first."""
    return audit.newest(session, (FAILED,), MAX_RECORDS, after)


def failure_count(session: Session) -> int:
    """How many failures the audit log has."""
    return session.scalar(select(func.count()).where(AuditLine.action == FAILED)) or 0


ROWS_PER_READ = 1_000
"""Rows per read."""

# Insert rows the same way as the ledger does. This is three times as fast as an INSERT with VALUES, and as fast as
# COPY.
INSERT_JSON = "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"

Row = Sequence[Any]


class CounterState(NamedTuple):
    """Numbers that a restore has to increase, so that servers and pages notice it."""

    epoch: int
    revision: int
    versions: tuple[int, ...]  # of the features, in order
    insights: int


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
        yield [_changed(row, binary, lambda stored: b64encode(stored).decode()) for row in piece] if binary else piece


def counter_state(connection: Connection) -> CounterState:
    newest = select(func.coalesce(func.max(Counter.epoch), 0), func.coalesce(func.max(Counter.revision), 0))
    versions = tuple(rules.version(connection) for rules in all_rules())
    changes = connection.execute(select(Watermark.upto).where(Watermark.name == CHANGES_MARK)).scalar()
    return CounterState(*connection.execute(newest).one(), versions, changes or 0)


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


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], new: Iterable[Row]) -> None:
    """Insert rows. Missing columns get their default. Raises ValueError for rows that the database refuses."""
    is_sqlite = connection.dialect.name == "sqlite"
    binary = [at for at, name in enumerate(columns) if isinstance(table.columns[name].type, LargeBinary)]
    stored: Callable[[str], Any] = b64decode if is_sqlite else (lambda text: f"\\x{b64decode(text).hex()}")
    values = [dict(zip(columns, _changed(row, binary, stored), strict=True)) for row in new]
    try:
        if is_sqlite:
            connection.execute(insert(table), values)
        else:
            statement = INSERT_JSON.format(table=table.name, columns=", ".join(columns))
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
    changes = {"name": CHANGES_MARK, "upto": max(before.insights, restored.insights) + 1, "version": 0}
    connection.execute(delete(Watermark).where(Watermark.name == CHANGES_MARK))
    connection.execute(insert(Watermark).values(changes))
    _advance_sequences(connection)
    record_epoch(connection, epoch, now_ms, reason)


def _changed(row: Row, binary: Collection[int], change: Callable[[Any], Any]) -> Row:
    return [change(value) if at in binary and value is not None else value for at, value in enumerate(row)]


def _advance_sequences(connection: Connection) -> None:
    """Advance PostgreSQL's sequences beyond the restored keys. Never decrease them, because that would survive a
    rollback.
    """
    if connection.dialect.name == "sqlite":
        return
    for table in tables():
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        if "id" in table.columns and connection.execute(text(f"SELECT {sequence}")).scalar():
            newest = f"greatest((SELECT coalesce(max(id), 0) FROM {table.name}), nextval({sequence}))"
            connection.execute(text(f"SELECT setval({sequence}, {newest})"))
