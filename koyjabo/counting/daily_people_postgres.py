"""Statements for people and their days on PostgreSQL, shared by visits, sockets and conversions."""

import json
from collections.abc import Callable
from typing import Any

from koyjabo.base.database.json_rows import adding, postgres_insert
from .daily_people import DailyPeople, PersonDay, StoredDay
from .models import HourlyPeople, Return
from .stats import encode

Execute = Callable[..., Any]

# Parameters: the columns (scopes, people, days) of the rows to look up, twice. Each row of the result is a JSON text.
POSTGRES_PERSON_DAYS = """
SELECT json_build_array(
    p.scope, p.person, p.last_day, a.day, d.began_s, d.slots,
    CASE WHEN d.slots IS NULL AND p.last_day > a.day THEN
        (SELECT max(x.day) FROM person_days x WHERE x.person_id = p.id AND x.day < a.day) END,
    CASE WHEN d.slots IS NULL AND p.last_day > a.day THEN
        (SELECT min(x.day) FROM person_days x WHERE x.person_id = p.id AND x.day > a.day) END)::text AS seen
FROM (
    SELECT b.scope, b.person, b.day FROM unnest(%s::text[], %s::text[], %s::text[]) AS b(scope, person, day)
    UNION
    SELECT w.scope, 'u:' || w.user_id, b.day FROM unnest(%s::text[], %s::text[], %s::text[]) AS b(scope, person, day)
    JOIN visitors w ON w.scope = b.scope AND w.visitor_id = substr(b.person, 3)
    WHERE b.person LIKE 'v:%%' AND w.user_id IS NOT NULL
) AS a
JOIN people p ON p.scope = a.scope AND p.person = a.person
LEFT JOIN person_days d ON d.person_id = p.id AND d.day = a.day
"""
POSTGRES_WRITE_PEOPLE = {
    "people": """
INSERT INTO people (scope, person, last_day) SELECT r->>0, r->>1, r->>2 FROM json_array_elements(%s) r
ON CONFLICT (scope, person) DO UPDATE SET last_day = excluded.last_day
""",
    "person_days": """
INSERT INTO person_days (person_id, day, began_s, slots)
SELECT (SELECT p.id FROM people p WHERE p.scope = r->>0 AND p.person = r->>1), r->>2, (r->>3)::bigint, (r->>4)::bigint
FROM json_array_elements(%s) r
ON CONFLICT (person_id, day) DO UPDATE SET slots = excluded.slots
""",
    **{table.__tablename__: postgres_insert(table, conflict=adding(table)) for table in (Return, HourlyPeople)},
}
"""Statements by table, in order. Each takes the table's rows as JSON."""


def columns(days: list[PersonDay]) -> tuple[list[str], ...]:
    """The parameters of POSTGRES_PERSON_DAYS."""
    return tuple(map(list, zip(*days, strict=True))) * 2


def look_up(execute: Execute, days: list[PersonDay]) -> list[StoredDay]:
    rows = execute(POSTGRES_PERSON_DAYS, columns(days)).all()
    return [StoredDay._make(json.loads(row)) for (row,) in rows]


def write(execute: Execute, people: DailyPeople) -> None:
    execute("; ".join(POSTGRES_WRITE_PEOPLE.values()), tuple(map(encode, people.tables())))
