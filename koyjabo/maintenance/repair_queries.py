"""Corrects the derived tables by the sums of `recount`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.core.extensions import db
from koyjabo.core.runtime import Advance
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import DailyPeople
from koyjabo.maintenance import derived_tables_queries as derived
from koyjabo.maintenance.recount_queries import Mismatch, pieces, recount
from koyjabo.maintenance.total_queries import record_epoch
from koyjabo.models import Counter
from koyjabo.reports.projection.recount_queries import reject


def repair(connection: Connection, clock: Clock, advance: Advance, reason: str) -> list[str]:
    """Repair the derived tables, in an exclusive transaction. Returns the problems found before.

    If the visits themselves are damaged, nothing is changed: they cannot be derived from any other table.
    """
    found = recount(connection, advance)
    if found.is_ledger_sound:
        if found.absences:
            _mark_present(connection, clock)
        for statement in (statement for check in derived.CHECKS for statement in check.repair):
            connection.execute(statement)
        _write(connection, recount(connection, advance).mismatches, clock.now_ms(), reason)
        if not found.is_projected:
            reject(Session(connection))
    return found.problems


def _mark_present(connection: Connection, clock: Clock) -> None:
    """Mark people present in every hour in which they made a visit."""
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
    for each in mismatches:
        table = db.metadata.tables[each.table]
        if each.table == "counters":
            connection.execute(update(table).filter_by(**each.key).values(**each.derived))
            continue
        connection.execute(table.delete().filter_by(**each.key))
        if any(each.derived.values()):
            connection.execute(insert(table).values(**each.key, **each.derived))
    falls = any(each.table == "counters" and each.derived["total"] < each.stored["total"] for each in mismatches)
    _advance_revision(connection, falls, now_ms, reason)


def _advance_revision(connection: Connection, falls: bool, now_ms: int, reason: str) -> None:
    """Increase the revision of all counters, so that readers notice, and the epoch if a total falls, so that they
    accept it.
    """
    revision, epoch = connection.execute(select(func.max(Counter.revision), func.max(Counter.epoch))).one()
    connection.execute(update(Counter).values(revision=max(now_ms, revision + 1)))
    if falls:
        epoch = max(now_ms, epoch + 1)
        connection.execute(update(Counter).values(epoch=epoch))
        record_epoch(connection, epoch, now_ms, reason)
