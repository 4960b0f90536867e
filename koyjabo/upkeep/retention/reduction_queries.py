"""Reduces old visits in place: a reduced visit keeps everything that reports count, and loses its person.

All reduced visits of a visitor in one calendar month share a random id. The visits of a month are reduced on different
nights, so the id is a keyed hash of the `visitor_id`. The key is a row of `month_secrets`, which is deleted once the
month is complete.

The rows of a visitor in `visitors` and `people` go with the visitor's last visit there that is not reduced.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import TextClause, bindparam, delete, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.core.urls import origin_of
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import user_agents
from koyjabo.columns.columns import Columns
from koyjabo.counting.daily_people import visitor
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.models import (
    CLEARED_COLUMNS,
    IN_COMMUNITY,
    MONTHLY_PREFIX,
    ON_SITE,
    Event,
    Person,
    PersonDay,
)
from koyjabo.upkeep.old_row_queries import COUNT_FORGOTTEN, Stretch, lock, lock_counters, store_position
from .models import MonthSecret

REDUCED_VISITS, REDUCED_EVENTS = "reduced_visits", "reduced_events"
"""Rows in `watermarks`: the highest id such that all rows up to it are reduced."""

MONTH_SECRET_BYTES, MONTHLY_ID_BYTES = 32, 12

MONTH_LENGTH = len("2025-11")
"""The length of the part of a day that names its month."""


STORE_BOUNDARY = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('reduced', :day, '', :began_ms)
ON CONFLICT (name) DO UPDATE SET day = excluded.day, seen_ms = excluded.seen_ms WHERE nightly_work.day < excluded.day
""")
SELECT_MONTH_SECRET = text("SELECT secret FROM month_secrets WHERE month = :month")
INSERT_MONTH_SECRET = text("INSERT INTO month_secrets (month, secret) VALUES (:month, :secret)")
SELECT_NEXT_VISITS = text("""
SELECT v.id, v.scope, v.day, v.visitor_id, v.referrer, v.user_agent, v.visitor_number,
       (SELECT w.first_visit FROM visitors w WHERE w.scope = 'site' AND w.visitor_id = v.visitor_id) AS first_on_site,
       (SELECT w.first_visit FROM visitors w
        WHERE v.scope <> 'site' AND w.scope = v.scope AND w.visitor_id = v.visitor_id) AS first_in_community
FROM visits v WHERE v.id > :after AND v.id <= :last ORDER BY v.id LIMIT :size
""")
REDUCE_CONVERSIONS = f"""
UPDATE conversions SET visitor_id = '{MONTHLY_PREFIX}' || id, user_id = '{DELETED_ID}', first_visit = (
    SELECT w.first_visit FROM visitors w WHERE w.scope = conversions.scope AND w.visitor_id = conversions.visitor_id)
"""
REDUCE_CONVERSIONS_OF_VISITORS = text(f"{REDUCE_CONVERSIONS} WHERE scope = :scope AND visitor_id IN :visitor_ids")
REDUCE_CONVERSIONS_OF_VISITORS = REDUCE_CONVERSIONS_OF_VISITORS.bindparams(bindparam("visitor_ids", expanding=True))
REMOVE_VISITORS = text("DELETE FROM visitors WHERE scope = :scope AND visitor_id IN :visitor_ids")
REMOVE_VISITORS = REMOVE_VISITORS.bindparams(bindparam("visitor_ids", expanding=True))
REDUCE_OLD_CONVERSIONS = text(f"""
{REDUCE_CONVERSIONS} WHERE id IN (
    SELECT id FROM conversions WHERE at_ms < :before_ms AND visitor_id NOT LIKE '{MONTHLY_PREFIX}%' LIMIT :size)
""")


def _statements(rows: str) -> dict[str, TextClause]:
    """The statements that take many rows. `rows` is a table with the column `value`, made from one parameter.

    A subquery for each row always uses the index. For a join, the planner may read the whole table.
    """
    cleared = ", ".join(f"{name} = NULL" for name in ("user_id", *CLEARED_COLUMNS))
    statements = {
        "numbers": f"""
SELECT r.value ->> 0, (SELECT v.visitor_number FROM visits v WHERE v.visitor_id = r.value ->> 0 LIMIT 1) FROM {rows}
""",
        "reduce_visits": f"""
UPDATE visits SET visitor_id = r.value ->> 1, visit_id = '~' || visits.id, referrer = r.value ->> 2,
    user_agent = r.value ->> 3, visitor_number = CAST(r.value ->> 4 AS BIGINT),
    new_in = CAST(r.value ->> 5 AS INTEGER), {cleared}
FROM {rows} WHERE visits.id = CAST(r.value ->> 0 AS BIGINT) AND visits.id BETWEEN :first AND :last
""",
        "reduce_events": f"""
UPDATE events SET visitor_id = r.value ->> 1, event_id = '~' || events.id, client_ms = NULL
FROM {rows} WHERE events.id = CAST(r.value ->> 0 AS BIGINT) AND events.id BETWEEN :first AND :last
""",
        "reduce_events_of_visits": f"""
UPDATE events SET visitor_id = r.value ->> 1, event_id = '~' || events.id, client_ms = NULL
FROM {rows} WHERE events.visit_id = CAST(r.value ->> 0 AS BIGINT) AND events.visit_id BETWEEN :first AND :last
AND events.visitor_id NOT LIKE '{MONTHLY_PREFIX}%'
""",
        "gone": f"""
SELECT scope, visitor_id FROM (
    SELECT r.value ->> 0 AS scope, r.value ->> 1 AS visitor_id, (
        SELECT v.id FROM visits v
        WHERE v.visitor_id = r.value ->> 1 AND (r.value ->> 0 = 'site' OR v.scope = r.value ->> 0) LIMIT 1
    ) AS kept FROM {rows}
) AS listed WHERE kept IS NULL
""",
    }
    return {name: text(statement) for name, statement in statements.items()}


REDUCTION_STATEMENTS = {
    "sqlite": _statements("json_each(:rows) r"),
    "postgresql": _statements("jsonb_array_elements(CAST(:rows AS jsonb)) r(value)"),
}


class Boundary(NamedTuple):
    """The first day whose visits keep their person, and when this day began."""

    day: str
    began_ms: int


class ReducedRows(NamedTuple):
    """The number of rows that a transaction has reduced, and the rest of the stretch."""

    rows: int
    rest: Stretch


def reduce_visits(session: Session, columns: Columns, boundary: Boundary, part: Stretch, size: int) -> ReducedRows:
    """Reduce the visits from before the boundary among the next `size` visits, and the events of these visits."""
    lock(session)
    lock_counters(session, {SITE})  # so that no visit can be registered
    rows = session.execute(SELECT_NEXT_VISITS, {"after": part.after, "last": part.last, "size": size}).all()
    old = [row for row in rows if row.day < boundary.day and row.visitor_number is None]
    if old:
        lock_counters(session, {Scope(row.scope) for row in old} - {SITE})  # so that no visitor can become a user
        change = columns.change(session, events=True, attended=True)
        _set_boundary(session, boundary)
        _reduce(session, old)
        ids = [row.id for row in old]
        attendance_queries.remove(session, ids)
        _remove_visitors(session, {(scope, row.visitor_id) for row in old for scope in (SITE, row.scope)})
        change.most_visits(ids[0] - 1, ids[-1])
    rest = store_position(session, REDUCED_VISITS, rows, part, size, lambda row: row.day >= boundary.day)
    return ReducedRows(len(old), rest)


def _reduce(session: Session, visits: Sequence[Any]) -> None:
    names = _names(session, visits)
    known = session.execute(_statement(session, "numbers"), _rows([name] for name in set(names)))
    numbers: dict[str, int | None] = dict(map(tuple, known))
    reduced = []
    for visit, name in zip(visits, names, strict=True):
        number = numbers[name] = numbers[name] or visit.id
        new_in = ON_SITE * (visit.first_on_site == visit.id) + IN_COMMUNITY * (visit.first_in_community == visit.id)
        agent = user_agents.reduced(visit.user_agent or "") or None
        reduced.append((visit.id, name, origin_of(visit.referrer), agent, number, new_in))
    parameters = _rows_by_id(reduced)
    session.execute(_statement(session, "reduce_visits"), parameters)
    session.execute(_statement(session, "reduce_events_of_visits"), parameters)


def _remove_visitors(session: Session, pairs: Collection[tuple[str, str]]) -> None:
    """Remove the visitors, of these scopes and ids, who have no visit there that is not reduced."""
    gone = defaultdict(list)
    for scope, visitor_id in session.execute(_statement(session, "gone"), _rows(pairs)):
        gone[scope].append(visitor_id)
    for scope, visitor_ids in sorted(gone.items()):
        these = {"scope": scope, "visitor_ids": visitor_ids}
        if scope != SITE:
            session.execute(REDUCE_CONVERSIONS_OF_VISITORS, these)
            people = Person.scope == scope, Person.person.in_(map(visitor, visitor_ids))
            _delete_people(session, list(session.scalars(select(Person.id).where(*people))))
        session.execute(COUNT_FORGOTTEN, {"scope": scope, "by": changed_rows(session, REMOVE_VISITORS, these)})


def reduce_events(session: Session, boundary: Boundary, part: Stretch, size: int) -> ReducedRows:
    """Reduce the events from before the boundary among the next `size` events. Their properties stay."""
    lock(session)
    columns = (Event.id, Event.visitor_id, Event.day)
    query = select(*columns).where(Event.id > part.after, Event.id <= part.last).order_by(Event.id).limit(size)
    rows = session.execute(query).all()
    old = [row for row in rows if row.day < boundary.day and not row.visitor_id.startswith(MONTHLY_PREFIX)]
    if old:
        reduced = [*zip((row.id for row in old), _names(session, old), strict=True)]
        session.execute(_statement(session, "reduce_events"), _rows_by_id(reduced))
    rest = store_position(session, REDUCED_EVENTS, rows, part, size, lambda row: row.day >= boundary.day)
    return ReducedRows(len(old), rest)


def reduce_conversions(session: Session, before_ms: int, size: int) -> int:
    """Reduce up to `size` conversions from before a moment. Returns how many."""
    lock(session)
    lock_counters(session, {SITE})  # before the rows, like the deletion of a user, to avoid deadlocks
    return changed_rows(session, REDUCE_OLD_CONVERSIONS, {"before_ms": before_ms, "size": size})


def people_before(session: Session, day: str) -> list[int]:
    """The ids of people whose last day in their community is before this day."""
    return list(session.scalars(select(Person.id).where(Person.last_day < day).order_by(Person.id)))


def remove_people(session: Session, boundary: Boundary, ids: list[int], size: int) -> list[int]:
    """Remove the first `size` of these people, unless they have come back. Returns the remaining ids."""
    lock(session)
    some, rest = ids[:size], ids[size:]
    scopes = session.scalars(select(Person.scope).where(Person.id.in_(some)).distinct())
    lock_counters(session, map(Scope, scopes))  # so that none can come back
    gone = list(session.scalars(select(Person.id).where(Person.id.in_(some), Person.last_day < boundary.day)))
    if gone:
        _set_boundary(session, boundary)
        _delete_people(session, gone)
    return rest


def _delete_people(session: Session, ids: Sequence[int]) -> None:
    for column in (PersonDay.person_id, Person.id):
        removal = delete(column.class_).where(column.in_(ids))
        session.execute(removal.execution_options(synchronize_session=False))


def forget_secrets(session: Session, boundary: Boundary) -> None:
    """Delete the secrets of complete months: all their days are before the boundary."""
    lock(session)
    session.execute(delete(MonthSecret).where(MonthSecret.month < boundary.day[:MONTH_LENGTH]))


def _set_boundary(session: Session, boundary: Boundary) -> None:
    """Store the boundary, unless a later one is stored. Recounts need it: `returns` and `hourly_people` cannot be
    recounted for days before it.
    """
    session.execute(STORE_BOUNDARY, boundary._asdict())


def _names(session: Session, rows: Sequence[Any]) -> list[str]:
    """The ids that rows of visitors get, for the months of the rows."""
    keys = {month: _secret(session, month) for month in sorted({row.day[:MONTH_LENGTH] for row in rows})}
    return [f"{MONTHLY_PREFIX}{_hashed(keys[row.day[:MONTH_LENGTH]], row.visitor_id)}" for row in rows]


def _secret(session: Session, month: str) -> bytes:
    """The secret of a month. Created if there is none."""
    secret: str | None = session.scalar(SELECT_MONTH_SECRET, {"month": month})
    if secret is None:
        secret = secrets.token_hex(MONTH_SECRET_BYTES)
        session.execute(INSERT_MONTH_SECRET, {"month": month, "secret": secret})
    return bytes.fromhex(secret)


def _hashed(secret: bytes, visitor_id: str) -> str:
    return blake2b(visitor_id.encode("utf-8", "surrogatepass"), digest_size=MONTHLY_ID_BYTES, key=secret).hexdigest()


def _rows(rows: Iterable[Sequence[Any]]) -> dict[str, str]:
    return {"rows": json.dumps(list(rows))}


def _rows_by_id(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Parameters for rows that begin with their id, in order. With the range of ids, the planner reads only that."""
    return {**_rows(rows), "first": rows[0][0], "last": rows[-1][0]}


def _statement(session: Session, name: str) -> TextClause:
    return REDUCTION_STATEMENTS[session.get_bind().dialect.name][name]
