"""Queries for the number of different people of a community, from the rollups."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.models import Scope

# One range scan of the rollups for each period. MATERIALIZED, because SQLite would parse the JSON again for each row.
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
VERSION = text("SELECT epoch, revision FROM counters WHERE scope = :scope")

Period = tuple[str, str]
"""(first day, last day), both included, YYYY-MM-DD"""


class People(NamedTuple):
    """Numbers of different people: users, and visitors who are not identified as users."""

    authenticated: int = 0
    anonymous: int = 0


def people_in(session: Session, scope: Scope, periods: list[Period]) -> list[People]:
    """The different people of each period; `periods` must be sorted. Reads the rollups by day, not the people."""
    statement = PEOPLE_IN[session.get_bind().dialect.name]
    rows = session.scalars(statement, {"scope": scope, "periods": json.dumps(periods)})
    return [People(*json.loads(found)) for found in rows]


def people_by_hour(session: Session, scope: Scope, hours: list[int]) -> list[tuple[int, People]]:
    """The different people of each of these local hours (seconds since 1970, UTC, at which they begin), and of hours in
    between that were recorded under another TIMEZONE.
    """
    rows = session.execute(HOURS, {"scope": scope, "first_s": hours[0], "last_s": hours[-1]})
    found = {hour_s: People(authenticated, anonymous) for hour_s, authenticated, anonymous in rows}
    return [(hour_s, found.get(hour_s, People())) for hour_s in sorted({*hours, *found})]


def first_day(session: Session, scope: Scope) -> list[str | None]:
    """The first day on which people came to the scope, as its only row; None if no one ever came."""
    return [session.scalar(FIRST_DAY, {"scope": scope})]


def version(session: Session, scope: Scope) -> tuple[int, int] | None:
    """(epoch, revision): changes with every visit, attendance and conversion. None if the scope does not exist."""
    found = session.execute(VERSION, {"scope": scope}).first()
    return (found.epoch, found.revision) if found else None
