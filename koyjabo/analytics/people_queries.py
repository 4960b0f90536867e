"""People of communities, beside visits: members who open a socket, and visitors who turn out to be users.

Each function takes the lock that the ledger's writer takes for these scopes, so that nothing comes in between.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.clock import Clock
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import DailyPeople, Day, user, visitor
from koyjabo.models import Counter, Scope

# In the order in which the ledger locks them. Communities that are gone have no row, and nobody asks for their numbers.
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
NAME_VISITOR = text("UPDATE visitors SET user_id = :user_id WHERE scope = :scope AND visitor_id = :visitor_id")
ADD_CONVERSION = text("""
INSERT INTO conversions (id, scope, visitor_id, user_id, at_ms) VALUES (:id, :scope, :visitor_id, :user_id, :at_ms)
""")
RATE = text("""
SELECT (SELECT count(*) FROM conversions WHERE scope = :scope) AS conversions,
       (SELECT coalesce(sum(anonymous), 0) FROM returns WHERE scope = :scope AND previous_day = '') AS anonymous
""")
MOVE_ON = text("""
UPDATE counters SET revision = CASE WHEN revision < :now_ms THEN :now_ms ELSE revision + 1 END WHERE scope = :scope
""")


class Conversion(NamedTuple):
    """A visitor of a community who turned out to be a user, under a name that says nothing about them."""

    scope: Scope
    id: str
    at_ms: int
    rate: float  # percent of those who ever came anonymously; one decimal


def attend(session: Session, community_id: str, user_ids: list[str], at_ms: int, clock: Clock) -> bool:
    """These users are in the community at this moment: visitors of the day, without a visit. Once more is no more.

    True when that was news. In a community that is gone nothing happens.
    """
    scope = Scope(community_id)
    if not user_ids or not _lock(session, [scope]):
        return False
    day, hour_s = clock.bucket(at_ms)
    database, execute = _database(session)
    asked = [(scope, user(user_id), day) for user_id in user_ids]
    people = DailyPeople(database.look_up(execute, asked), clock)
    for _, person, _ in asked:
        people.record(scope, person, day, hour_s)
    if people.days:
        database.write(execute, people)
        _move_on(session, scope, at_ms)
    return bool(people.days)


def anonymous_in(session: Session, visitor_id: str) -> list[Scope]:
    """The communities in which nobody knows who this visitor is."""
    return [Scope(scope) for (scope,) in session.execute(SCOPES_OF, {"person": visitor(visitor_id)})]


def convert(session: Session, user_id: str, visitor_id: str, now_ms: int, clock: Clock) -> list[Conversion]:
    """This visitor is this user: make them one person in every community in which the visitor was nobody we knew.

    Their visits to come are the user's, whoever logs in later. Visits of communities that are gone stay what they were.
    """
    scopes = _lock(session, anonymous_in(session, visitor_id))
    return [
        _convert(session, scope, user_id, visitor_id, now_ms, clock)
        for scope in scopes
        if _days(session, scope, visitor(visitor_id))  # somebody else may have done it while the lock was waited for
    ]


def _convert(session: Session, scope: Scope, user_id: str, visitor_id: str, now_ms: int, clock: Clock) -> Conversion:
    one, other = visitor(visitor_id), user(user_id)
    people = DailyPeople((), clock)
    people.merge(scope, one, other, _days(session, scope, one), _days(session, scope, other))
    for statement in (REMOVE_DAYS, REMOVE_PERSON):
        session.execute(statement, {"scope": scope, "person": one})
    database, execute = _database(session)
    database.write(execute, people)
    about = {"scope": scope, "visitor_id": visitor_id, "user_id": user_id}
    session.execute(NAME_VISITOR, about)
    made = str(uuid.uuid4())
    session.execute(ADD_CONVERSION, {**about, "id": made, "at_ms": now_ms})
    _move_on(session, scope, now_ms)
    return Conversion(scope, made, now_ms, conversion_rate(session, scope))


def conversion_rate(session: Session, scope: Scope) -> float:
    """Percent of those who ever came anonymously, one decimal; 0 where nobody did."""
    conversions, anonymous = map(int, session.execute(RATE, {"scope": scope}).one())
    return round(100 * conversions / (conversions + anonymous), 1) if conversions + anonymous else 0.0


def _lock(session: Session, scopes: list[Scope]) -> list[Scope]:
    """Lock the counter rows, in the ledger's order; those that there are."""
    rows = select(Counter.scope).where(Counter.scope.in_(scopes)).order_by(Counter.scope)
    return [Scope(scope) for scope in session.scalars(rows.with_for_update())]


def _days(session: Session, scope: Scope, person: str) -> dict[str, Day]:
    rows = session.execute(DAYS_OF, {"scope": scope, "person": person})
    return {day: (began_s, slots) for day, began_s, slots in rows}


def _move_on(session: Session, scope: Scope, now_ms: int) -> None:
    """A new revision: whoever keeps a report of this scope notices."""
    session.execute(MOVE_ON, {"scope": scope, "now_ms": now_ms})


def _database(session: Session) -> tuple[Any, Any]:
    connection = session.connection()
    module = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    return module, connection.exec_driver_sql
