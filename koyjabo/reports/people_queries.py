"""Records people of communities without a visit: members who open a socket, and visitors who log in. Writes lock the
same rows as the ledger's writer, so that the two do not interfere.
"""

import uuid
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.models import Counter
from koyjabo.base.models import Scope
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import DailyPeople, Day, user, visitor
from .conversion_queries import conversion_rate

# In the ledger's locking order. Deleted and archived communities have no row.
SCOPES_OF = text("""
SELECT c.scope FROM counters c JOIN people p ON p.scope = c.scope AND p.person = :person ORDER BY c.scope
""")
SELECT_PERSON_DAYS = text("""
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
ADVANCE_REVISION = text("""
UPDATE counters SET revision = CASE WHEN revision < :now_ms THEN :now_ms ELSE revision + 1 END WHERE scope = :scope
""")
"""Makes this scope's cached reports invalid."""


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
        session.execute(ADVANCE_REVISION, {"scope": scope, "now_ms": at_ms})
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
        session.execute(ADVANCE_REVISION, {"scope": scope, "now_ms": now_ms})
        rate = conversion_rate(session, scope)
        conversions.append(VisitorConversion(scope, conversion_id, now_ms, rate))
    return conversions


def _lock(session: Session, scopes: list[Scope]) -> list[Scope]:
    """Lock the counter rows, in the ledger's order. Returns the scopes that exist."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    return [Scope(scope) for scope in session.scalars(rows.with_for_update())]


def _days(session: Session, scope: Scope, person: str) -> dict[str, Day]:
    rows = session.execute(SELECT_PERSON_DAYS, {"scope": scope, "person": person})
    return {day: (began_s, slots) for day, began_s, slots in rows}


def _database(session: Session) -> tuple[Any, Any]:
    connection = session.connection()
    module = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    return module, connection.exec_driver_sql
