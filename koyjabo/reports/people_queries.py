"""Counts the people of communities, and records people without a visit: members who open a socket, and visitors who log
in. Writes lock the same rows as the ledger's writer, so that the two do not interfere.
"""

import collections
import json
import uuid
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.models import Counter
from koyjabo.base.models import Scope
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import SLOT_S, DailyPeople, Day, user, visitor
from koyjabo.counting.models import Visit, Visitor
from .models import Conversion

# In the ledger's locking order. Deleted and archived communities have no row.
SCOPES_OF = text("""
SELECT c.scope FROM counters c JOIN people p ON p.scope = c.scope AND p.person = :person ORDER BY c.scope
""")
DAYS_OF = text("""
SELECT d.day, d.began_s, d.slots FROM people p JOIN person_days d ON d.person_id = p.id
WHERE p.scope = :scope AND p.person = :person
""")
REMOVE_DAYS = text("""
DELETE FROM person_days WHERE person_id = (SELECT id FROM people WHERE scope = :scope AND person = :person)
""")
REMOVE_PERSON = text("DELETE FROM people WHERE scope = :scope AND person = :person")
SET_USER = text("UPDATE visitors SET user_id = :user_id WHERE scope = :scope AND visitor_id = :visitor_id")
ADD_CONVERSION = text("""
INSERT INTO conversions (id, scope, visitor_id, user_id, at_ms) VALUES (:id, :scope, :visitor_id, :user_id, :at_ms)
""")
RATE = text("""
SELECT (SELECT count(*) FROM conversions WHERE scope = :scope) AS conversions,
       (SELECT coalesce(sum(anonymous), 0) FROM returns WHERE scope = :scope AND previous_day = '') AS anonymous
""")
ADVANCE_REVISION = text("""
UPDATE counters SET revision = CASE WHEN revision < :now_ms THEN :now_ms ELSE revision + 1 END WHERE scope = :scope
""")


class VisitorConversion(NamedTuple):
    """A visitor of a community who was identified as a user. `id` is random, and reveals nothing about them."""

    scope: Scope
    id: str
    at_ms: int
    rate: float  # the community's new `conversion_rate`


def attend(session: Session, community_id: str, user_ids: list[str], at_ms: int, clock: Clock) -> bool:
    """Record users who are present in a community as the day's visitors, without a visit. Idempotent.

    Returns whether anything changed. Does nothing for a deleted community.
    """
    scope = Scope(community_id)
    if not user_ids or not _lock(session, [scope]):
        return False
    day, hour_s = clock.bucket(at_ms)
    database, execute = _database(session)
    keys = [(scope, user(user_id), day) for user_id in user_ids]
    people = DailyPeople(database.look_up(execute, keys), clock)
    for _, person, _ in keys:
        people.record(scope, person, day, hour_s)
    if people.days:
        database.write(execute, people)
        _advance_revision(session, scope, at_ms)
    return bool(people.days)


def anonymous_in(session: Session, visitor_id: str) -> list[Scope]:
    """Return the communities where this visitor has not been identified as a user."""
    return [Scope(scope) for (scope,) in session.execute(SCOPES_OF, {"person": visitor(visitor_id)})]


def convert(session: Session, user_id: str, visitor_id: str, now_ms: int, clock: Clock) -> list[VisitorConversion]:
    """Identify a visitor as a user in every community where the visitor has been anonymous so far. Their future visits
    belong to that user, even if another user logs in later. Visits to deleted communities do not change.
    """
    anonymous, identified, conversions = visitor(visitor_id), user(user_id), []
    database, execute = _database(session)
    for scope in _lock(session, anonymous_in(session, visitor_id)):
        days = _days(session, scope, anonymous)
        if not days:  # a concurrent call has already converted them
            continue
        people = DailyPeople((), clock)
        people.merge(scope, anonymous, identified, days, _days(session, scope, identified))
        for statement in (REMOVE_DAYS, REMOVE_PERSON):
            session.execute(statement, {"scope": scope, "person": anonymous})
        database.write(execute, people)
        values = {"scope": scope, "visitor_id": visitor_id, "user_id": user_id}
        session.execute(SET_USER, values)
        conversion_id = str(uuid.uuid4())
        session.execute(ADD_CONVERSION, {**values, "id": conversion_id, "at_ms": now_ms})
        _advance_revision(session, scope, now_ms)
        rate = conversion_rate(session, scope)
        conversions.append(VisitorConversion(scope, conversion_id, now_ms, rate))
    return conversions


def conversion_rate(session: Session, scope: Scope) -> float:
    """Return the percentage of anonymous visitors who were later identified as users, to one decimal; 0 if there were
    none."""
    conversions, anonymous = map(int, session.execute(RATE, {"scope": scope}).one())
    return round(100 * conversions / (conversions + anonymous), 1) if conversions + anonymous else 0.0


def _lock(session: Session, scopes: list[Scope]) -> list[Scope]:
    """Lock the counter rows, in the ledger's order. Returns the scopes that exist."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    return [Scope(scope) for scope in session.scalars(rows.with_for_update())]


def _days(session: Session, scope: Scope, person: str) -> dict[str, Day]:
    rows = session.execute(DAYS_OF, {"scope": scope, "person": person})
    return {day: (began_s, slots) for day, began_s, slots in rows}


def _advance_revision(session: Session, scope: Scope, now_ms: int) -> None:
    """Increase the revision, so that this scope's cached reports become invalid."""
    session.execute(ADVANCE_REVISION, {"scope": scope, "now_ms": now_ms})


def _database(session: Session) -> tuple[Any, Any]:
    connection = session.connection()
    module = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    return module, connection.exec_driver_sql


# One range scan of the daily sums per period. MATERIALIZED, because SQLite would otherwise parse the JSON for each row.
SQLITE = """
WITH t(first, last) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(:periods))
SELECT (SELECT json_array(coalesce(sum(r.authenticated), 0), coalesce(sum(r.anonymous), 0)) FROM returns r
        WHERE r.scope = :scope AND r.day >= t.first AND r.day <= t.last AND r.previous_day < t.first)
FROM t ORDER BY t.first
"""
POSTGRES = """
WITH t(first, last) AS (SELECT p->>0, p->>1 FROM json_array_elements(CAST(:periods AS json)) p)
SELECT (SELECT CAST(json_build_array(coalesce(sum(r.authenticated), 0), coalesce(sum(r.anonymous), 0)) AS text)
        FROM returns r
        WHERE r.scope = :scope AND r.day >= t.first AND r.day <= t.last AND r.previous_day < t.first)
FROM t ORDER BY t.first
"""
PEOPLE_IN = {"sqlite": text(SQLITE), "postgresql": text(POSTGRES)}
HOURS = text("""
SELECT hour_s, authenticated, anonymous FROM hourly_people
WHERE scope = :scope AND hour_s >= :first_s AND hour_s <= :last_s ORDER BY hour_s
""")
FIRST_DAY = text("SELECT min(day) FROM returns WHERE scope = :scope")
EXISTS = text("SELECT 1 FROM counters WHERE scope = :scope")

Period = tuple[str, str]
"""First and last day, inclusive, YYYY-MM-DD."""


class People(NamedTuple):
    """Numbers of distinct people: users, and visitors who are not identified as users."""

    authenticated: int = 0
    anonymous: int = 0


def people_in(session: Session, scope: Scope, periods: list[Period]) -> list[People]:
    """Return the number of distinct people in each period. `periods` must be sorted. Reads daily sums, not individual
    people.
    """
    statement = PEOPLE_IN[session.get_bind().dialect.name]
    rows = session.scalars(statement, {"scope": scope, "periods": json.dumps(periods)})
    return [People(*json.loads(numbers)) for numbers in rows]


def people_by_hour(session: Session, scope: Scope, hours: list[int]) -> list[tuple[int, People]]:
    """Return the number of distinct people in each of these local hours (their starts, in seconds since 1970 UTC).
    Hours in between that were recorded under another TIMEZONE are included.
    """
    rows = session.execute(HOURS, {"scope": scope, "first_s": hours[0], "last_s": hours[-1]})
    by_slot = {hour_s - (hour_s - hours[0]) % SLOT_S: hour_s for hour_s in hours}
    by_hour = {by_slot.get(slot_s, slot_s): People(*people) for slot_s, *people in rows}
    return [(hour_s, by_hour.get(hour_s, People())) for hour_s in sorted({*hours, *by_hour})]


def first_day(session: Session, scope: Scope) -> str | None:
    """Return the first day with people in the scope; None if there are none."""
    day: str | None = session.scalar(FIRST_DAY, {"scope": scope})
    return day


def exists(session: Session, scope: Scope) -> bool:
    """Return whether the scope exists. Deleted and archived communities do not."""
    return session.scalar(EXISTS, {"scope": scope}) is not None


class ConversionReport(NamedTuple):
    """Conversions by page (None: not recorded), most conversions first. `average_ms` is the average time from the first
    visit to the conversion, or None if there are no conversions.
    """

    conversions: int
    pages: list[tuple[str | None, int]]
    average_ms: int | None


def conversions_between(session: Session, scope: Scope, first: str, last: str) -> ConversionReport:
    """Report the conversions of visitors whose first visit was on the days `first` to `last` (inclusive)."""
    is_theirs = (Visitor.scope == Conversion.scope) & (Visitor.visitor_id == Conversion.visitor_id)
    query = select(Visit.page, Conversion.at_ms - Visit.at_ms).outerjoin(Visitor, is_theirs)
    query = query.join(Visit, Visit.id == func.coalesce(Conversion.first_visit, Visitor.first_visit))
    query = query.where(Conversion.scope == scope, Visit.day.between(first, last))
    conversions = session.execute(query).all()
    pages = collections.Counter(page for page, _ in conversions)
    ordered = sorted(pages.items(), key=lambda item: (-item[1], item[0] or ""))
    average_ms = round(sum(waited_ms for _, waited_ms in conversions) / len(conversions)) if conversions else None
    return ConversionReport(len(conversions), ordered, average_ms)
