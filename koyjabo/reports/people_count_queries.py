"""Counts the people of a community from daily and hourly sums."""

import json
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.base.models import Scope
from koyjabo.counting.daily_people import SLOT_S

# One range scan of the daily sums per period. MATERIALIZED, because SQLite would otherwise parse the JSON for each row.
PEOPLE_IN_SQLITE = """
WITH t(first, last) AS MATERIALIZED (SELECT value ->> 0, value ->> 1 FROM json_each(:periods))
SELECT (SELECT json_array(coalesce(sum(r.authenticated), 0), coalesce(sum(r.anonymous), 0)) FROM returns r
        WHERE r.scope = :scope AND r.day >= t.first AND r.day <= t.last AND r.previous_day < t.first)
FROM t ORDER BY t.first
"""

PEOPLE_IN_POSTGRES = """
WITH t(first, last) AS (SELECT p->>0, p->>1 FROM json_array_elements(CAST(:periods AS json)) p)
SELECT (SELECT CAST(json_build_array(coalesce(sum(r.authenticated), 0), coalesce(sum(r.anonymous), 0)) AS text)
        FROM returns r
        WHERE r.scope = :scope AND r.day >= t.first AND r.day <= t.last AND r.previous_day < t.first)
FROM t ORDER BY t.first
"""

PEOPLE_IN = {"sqlite": text(PEOPLE_IN_SQLITE), "postgresql": text(PEOPLE_IN_POSTGRES)}

SELECT_HOURS = text("""
SELECT hour_s, authenticated, anonymous FROM hourly_people
WHERE scope = :scope AND hour_s >= :first_s AND hour_s <= :last_s ORDER BY hour_s
""")

SELECT_FIRST_DAY = text("SELECT min(day) FROM returns WHERE scope = :scope")

SELECT_SCOPE = text("SELECT 1 FROM counters WHERE scope = :scope")

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
    rows = session.execute(SELECT_HOURS, {"scope": scope, "first_s": hours[0], "last_s": hours[-1]})
    by_slot = {hour_s - (hour_s - hours[0]) % SLOT_S: hour_s for hour_s in hours}
    by_hour = {by_slot.get(slot_s, slot_s): People(*people) for slot_s, *people in rows}
    return [(hour_s, by_hour.get(hour_s, People())) for hour_s in sorted({*hours, *by_hour})]


def first_day(session: Session, scope: Scope) -> str | None:
    """Return the first day with people in the scope; None if there are none."""
    day: str | None = session.scalar(SELECT_FIRST_DAY, {"scope": scope})
    return day


def exists(session: Session, scope: Scope) -> bool:
    """Return whether the scope exists. Deleted and archived communities do not."""
    return session.scalar(SELECT_SCOPE, {"scope": scope}) is not None
