"""Rebuilds tables that do not agree with the ledger."""

from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.extensions import db
from koyjabo.base.core.runtime import Advance
from koyjabo.base.database.models import Counter
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.columns.columns import Columns
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import DailyPeople
from . import derived_tables_queries as derived
from .recount_queries import Mismatch, pieces, recount
from .total_queries import record_epoch


def repair(connection: Connection, clock: Clock, advance: Advance, columns: Columns | None, reason: str) -> list[str]:
    """Repair the derived tables in an exclusive transaction. Returns the problems found before the repair. If the
    visits themselves are damaged, changes nothing, because they cannot be restored from other tables.

    Without `columns`, discards the blocks and the sums of features unread, which is faster.
    """
    result = recount(connection, advance, columns, clock)
    if result.is_ledger_sound:
        if result.absences:
            _mark_present(connection, clock)
        for statement in (statement for check in derived.INVARIANTS for statement in check.repair):
            connection.execute(statement)
        _write(connection, recount(connection, advance, columns).mismatches, clock.now_ms(), reason)
        if not (columns and result.has_right_blocks):
            session = Session(connection)
            for rules in all_rules():
                rules.discard_sums(session)
    return result.problems


def _mark_present(connection: Connection, clock: Clock) -> None:
    """Mark people as present in every hour of their visits."""
    module: Any = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    execute = connection.exec_driver_sql
    for piece in pieces(connection, "visits"):
        absent = connection.execute(derived.LIST_ABSENT, piece).all()
        if absent:
            keys = sorted({(scope, person, day) for scope, person, day, _ in absent})
            people = DailyPeople(module.look_up(execute, keys), clock)
            for scope, person, day, hour_s in absent:
                people.record(scope, person, day, hour_s)
            module.write(execute, people)


def _write(connection: Connection, mismatches: list[Mismatch], now_ms: int, reason: str) -> None:
    for row in mismatches:
        table = db.metadata.tables[row.table]
        if row.table == "counters":
            connection.execute(update(table).filter_by(**row.key).values(**row.derived))
            continue
        connection.execute(table.delete().filter_by(**row.key))
        if any(row.derived.values()):
            connection.execute(insert(table).values(**row.key, **row.derived))
    falls = any(row.table == "counters" and row.derived["total"] < row.stored["total"] for row in mismatches)
    # Readers notice the repair by the revision, and accept a lower total in a new epoch.
    revision, epoch = connection.execute(select(func.max(Counter.revision), func.max(Counter.epoch))).one()
    connection.execute(update(Counter).values(revision=max(now_ms, revision + 1)))
    if falls:
        epoch = max(now_ms, epoch + 1)
        connection.execute(update(Counter).values(epoch=epoch))
        record_epoch(connection, epoch, now_ms, reason)
