"""Put right what is derived from the ledger: counters, rollups, and what they say of people.

The sums are those of `recount`. What is wrong with the visits themselves nobody can tell from anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from koyjabo.clock import Clock
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import Whereabouts
from koyjabo.extensions import db
from koyjabo.maintenance import recount_people_queries
from koyjabo.maintenance.difference import Difference
from koyjabo.maintenance.recount_queries import PIECE, count, counter_differences, ledger_problems, rollup_differences
from koyjabo.models import SITE, Adjustment, Counter
from koyjabo.runtime import Advance

REMOVE_NOBODIES = text("""
DELETE FROM people WHERE NOT EXISTS (SELECT 1 FROM person_days d WHERE d.person_id = people.id)
""")
SET_LAST_DAYS = text("""
UPDATE people SET last_day = (SELECT max(d.day) FROM person_days d WHERE d.person_id = people.id)
WHERE last_day <> (SELECT max(d.day) FROM person_days d WHERE d.person_id = people.id)
""")


def repair(connection: Connection, clock: Clock, advance: Advance, reason: str) -> None:
    """Part of a transaction in which nobody else writes. Where the visits themselves are damaged nothing is changed."""
    found = count(connection, advance)
    if any(ledger_problems(found)):
        return
    if found.unattended:
        _attend(connection, found.newest, clock)
    connection.execute(REMOVE_NOBODIES)
    connection.execute(SET_LAST_DAYS)
    for each in recount_people_queries.differences(connection, recount_people_queries.count(connection)):
        _put(connection, each)
    for each in rollup_differences(connection, found):
        _put(connection, each)
    _set_counters(connection, list(counter_differences(connection, found)), clock.now_ms(), reason)


def _attend(connection: Connection, newest: int, clock: Clock) -> None:
    """Whoever made a visit was there in that hour."""
    module: Any = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    execute = connection.exec_driver_sql
    for piece in _pieces(newest):
        missed = connection.execute(recount_people_queries.LIST_UNATTENDED, piece).all()
        if missed:
            asked = sorted({(scope, person, day) for scope, person, day, _ in missed})
            people = Whereabouts(module.look_up(execute, asked), clock)
            for scope, person, day, hour_s in missed:
                people.note(scope, person, day, hour_s)
            module.write(execute, people)


def _pieces(newest: int) -> Iterator[dict[str, int]]:
    for after in range(0, newest, PIECE):
        yield {"after": after, "upto": min(newest, after + PIECE)}


def _put(connection: Connection, found: Difference) -> None:
    """A row that makes nothing is none."""
    table, key = db.metadata.tables[found.table], dict(found.key)
    if not any(found.makes):
        connection.execute(table.delete().filter_by(**key))
        return
    values = dict(zip(found.columns, found.makes, strict=True))
    upsert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    wanted = upsert(table).values(**key, **values)
    connection.execute(wanted.on_conflict_do_update(index_elements=list(key), set_=values))


def _set_counters(connection: Connection, wrong: list[Difference], now_ms: int, reason: str) -> None:
    """Everybody is to notice; and where a total falls, to accept it."""
    falls = False
    for each in filter(lambda each: _is_certain(each, wrong), wrong):
        ((_, scope),), (name,), (makes,), (says,) = each.key, each.columns, each.makes, each.says
        falls = falls or (name == "total" and makes < says)
        connection.execute(update(Counter).where(Counter.scope == scope).values(**{name: makes}))
    _move_on(connection, falls, now_ms, reason)


def _is_certain(one: Difference, wrong: list[Difference]) -> bool:
    """Unique visitors are, where first visits and the list of visitors make the same."""
    makes = [other.makes for other in wrong if (other.key, other.columns) == (one.key, one.columns)]
    return one.columns != ("unique_visitors",) or (len(makes) == 2 and makes[0] == makes[1])


def _move_on(connection: Connection, falls: bool, now_ms: int, reason: str) -> None:
    counters = connection.execute(select(Counter.scope, Counter.epoch, Counter.revision)).all()
    revision = max([now_ms, *(each.revision + 1 for each in counters)])
    connection.execute(update(Counter).values(revision=revision))
    if not falls:
        return
    epoch = max([now_ms, *(each.epoch + 1 for each in counters)])
    connection.execute(update(Counter).values(epoch=epoch))
    visits, total = connection.execute(select(Counter.visits, Counter.total).where(Counter.scope == SITE)).one()
    about = {"after_visit": visits, "total_before": total, "total_after": total, "epoch": epoch}
    connection.execute(insert(Adjustment).values(scope=SITE, at_ms=now_ms, reason=reason, **about))
