"""Reduces old visits in place: a reduced visit keeps everything that reports count, and loses its person.

The rows of a visitor in `visitors` and `people` go with the visitor's last visit there that is not reduced. Other rows
about visits and visitors are reduced by their own areas: events by `columns`, conversions by their `UpkeepRules`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.urls import origin_of
from koyjabo.base.database.json_rows import RowsStatement
from koyjabo.base.database.rows import change_in_database, changed_rows
from koyjabo.base.database.upkeep_rules import all_rules
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import user_agents
from koyjabo.columns.columns import Columns, RowChange
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
    Visit,
)
from koyjabo.upkeep.old_row_queries import COUNT_FORGOTTEN, Stretch, lock, lock_counters, store_position
from .monthly_id_queries import monthly_ids

USER_AGENT_MARK = "user_agents"
REPLACE_USER_AGENT = text("UPDATE visits SET user_agent = :user_agent WHERE id = :visit")
REDUCED_VISITS, REDUCED_EVENTS = "reduced_visits", "reduced_events"
"""Rows in `watermarks`: the highest id such that all rows up to it are reduced."""

STORE_BOUNDARY = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('reduced', :day, '', :began_ms)
ON CONFLICT (name) DO UPDATE SET day = excluded.day, seen_ms = excluded.seen_ms WHERE nightly_work.day < excluded.day
""")
SELECT_NEXT_VISITS = text("""
SELECT v.id, v.scope, v.day, v.visitor_id, v.referrer, v.user_agent, v.visitor_number,
       (SELECT w.first_visit FROM visitors w WHERE w.scope = 'site' AND w.visitor_id = v.visitor_id) AS first_on_site,
       (SELECT w.first_visit FROM visitors w
        WHERE v.scope <> 'site' AND w.scope = v.scope AND w.visitor_id = v.visitor_id) AS first_in_community
FROM visits v WHERE v.id > :after AND v.id <= :last ORDER BY v.id LIMIT :size
""")
SELECT_NUMBERS = RowsStatement("""
SELECT r.value ->> 0, (SELECT v.visitor_number FROM visits v WHERE v.visitor_id = r.value ->> 0 LIMIT 1) FROM {rows}
""")
CLEARED_VALUES = ", ".join(f"{name} = NULL" for name in ("user_id", *CLEARED_COLUMNS))
REDUCE_VISITS = RowsStatement(f"""
UPDATE visits SET visitor_id = r.value ->> 1, visit_id = '~' || visits.id, referrer = r.value ->> 2,
    user_agent = r.value ->> 3, visitor_number = CAST(r.value ->> 4 AS BIGINT),
    new_in = CAST(r.value ->> 5 AS INTEGER), {CLEARED_VALUES}
FROM {{rows}} WHERE visits.id = CAST(r.value ->> 0 AS BIGINT) AND visits.id BETWEEN :first AND :last
""")
SELECT_GONE = RowsStatement("""
SELECT scope, visitor_id FROM (
    SELECT r.value ->> 0 AS scope, r.value ->> 1 AS visitor_id, (
        SELECT v.id FROM visits v
        WHERE v.visitor_id = r.value ->> 1 AND (r.value ->> 0 = 'site' OR v.scope = r.value ->> 0) LIMIT 1
    ) AS kept FROM {rows}
) AS listed WHERE kept IS NULL
""")
REMOVE_VISITORS = text("DELETE FROM visitors WHERE scope = :scope AND visitor_id IN :visitor_ids")
REMOVE_VISITORS = REMOVE_VISITORS.bindparams(bindparam("visitor_ids", expanding=True))


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
        _reduce(session, change, old)
        ids = [row.id for row in old]
        attendance_queries.remove(session, ids)
        _remove_visitors(session, {(scope, row.visitor_id) for row in old for scope in (SITE, row.scope)})
        change.most_visits(ids[0] - 1, ids[-1])
    rest = store_position(session, REDUCED_VISITS, rows, part, size, lambda row: row.day >= boundary.day)
    return ReducedRows(len(old), rest)


def _reduce(session: Session, change: RowChange, visits: Sequence[Any]) -> None:
    names = monthly_ids(session, visits)
    numbers = dict[str, int | None](map(tuple, SELECT_NUMBERS.run(session, ([name] for name in set(names)))))
    reduced = []
    for visit, name in zip(visits, names, strict=True):
        number = numbers[name] = numbers[name] or visit.id
        new_in = ON_SITE * (visit.first_on_site == visit.id) + IN_COMMUNITY * (visit.first_in_community == visit.id)
        agent = user_agents.reduced(visit.user_agent or "") or None
        reduced.append((visit.id, name, origin_of(visit.referrer), agent, number, new_in))
    REDUCE_VISITS.run_by_id(session, reduced)
    change.reduce_events_of_visits([(visit.id, name) for visit, name in zip(visits, names, strict=True)])


def _remove_visitors(session: Session, pairs: Collection[tuple[str, str]]) -> None:
    """Remove the visitors, of these scopes and ids, who have no visit there that is not reduced."""
    gone = defaultdict(list)
    for scope, visitor_id in SELECT_GONE.run(session, pairs):
        gone[scope].append(visitor_id)
    for scope, visitor_ids in sorted(gone.items()):
        these = {"scope": scope, "visitor_ids": visitor_ids}
        if scope != SITE:
            for rules in all_rules():
                rules.reduce_visitors(session, scope, visitor_ids)
            people = Person.scope == scope, Person.person.in_(map(visitor, visitor_ids))
            _delete_people(session, list(session.scalars(select(Person.id).where(*people))))
        session.execute(COUNT_FORGOTTEN, {"scope": scope, "by": changed_rows(session, REMOVE_VISITORS, these)})


def reduce_events(session: Session, columns: Columns, boundary: Boundary, part: Stretch, size: int) -> ReducedRows:
    """Reduce the events from before the boundary among the next `size` events. Their properties stay."""
    lock(session)
    names = (Event.id, Event.visitor_id, Event.day)
    query = select(*names).where(Event.id > part.after, Event.id <= part.last).order_by(Event.id).limit(size)
    rows = session.execute(query).all()
    old = [row for row in rows if row.day < boundary.day and not row.visitor_id.startswith(MONTHLY_PREFIX)]
    if old:
        reduced = [*zip((row.id for row in old), monthly_ids(session, old), strict=True)]
        columns.change(session).reduce_events(reduced)
    rest = store_position(session, REDUCED_EVENTS, rows, part, size, lambda row: row.day >= boundary.day)
    return ReducedRows(len(old), rest)


def reduce_rows(session: Session, before_ms: int, size: int) -> int:
    """Reduce up to `size` rows of each feature from before a moment. Returns the most that one feature reduced."""
    lock(session)
    lock_counters(session, {SITE})  # before the rows, like the deletion of a user, to avoid deadlocks
    return max(rules.reduce_rows(session, before_ms, size) for rules in all_rules())


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
        change_in_database(session, delete(column.class_).where(column.in_(ids)))


def _set_boundary(session: Session, boundary: Boundary) -> None:
    """Store the boundary, unless a later one is stored. Recounts need it: `returns` and `hourly_people` cannot be
    recounted for days before it.
    """
    session.execute(STORE_BOUNDARY, boundary._asdict())


def replace_user_agents(session: Session, columns: Columns, before_ms: int, part: Stretch, size: int) -> Stretch:
    """Replace exact user agents with the values that reports use, such as "Chrome on Android (phone)". Reads the next
    `size` visits, and replaces those from before a moment. Returns the rest of the stretch.
    """
    lock(session)  # an erasure may lock the same visits in another order at the same time
    query = select(Visit.__table__).where(Visit.id > part.after, Visit.id <= part.last)
    rows = session.execute(query.order_by(Visit.id).limit(size)).all()
    old = [row for row in rows if row.at_ms < before_ms and row.user_agent]
    changes = [{"visit": row.id, "user_agent": user_agents.reduced(row.user_agent) or None} for row in old]
    changed = [(row, new) for row, new in zip(old, changes, strict=True) if new["user_agent"] != row.user_agent]
    if changed:
        session.execute(REPLACE_USER_AGENT, [new for _, new in changed])
        change = columns.change(session)
        change.visits(change.read_differently(*zip(*changed, strict=True)))
    return store_position(session, USER_AGENT_MARK, rows, part, size, lambda row: row.at_ms >= before_ms)
