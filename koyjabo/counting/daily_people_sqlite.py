"""Statements for people and their days on SQLite, shared by visits, sockets and conversions."""

import json
from collections.abc import Callable
from typing import Any

from koyjabo.base.database.json_rows import adding, sqlite_insert
from .daily_people import DailyPeople, PersonDay, StoredDay
from .models import HourlyPeople, Return
from .stats import encode

Execute = Callable[..., Any]

# {days} is a list of [scope, person, day]. CROSS JOIN makes SQLite read the tables in this order.
SQLITE_PERSON_DAYS = """
    SELECT json_group_array(json_array(
        p.scope, p.person, p.last_day, a.day, d.began_s, d.slots,
        CASE WHEN d.slots IS NULL AND p.last_day > a.day THEN
            (SELECT max(x.day) FROM person_days x WHERE x.person_id = p.id AND x.day < a.day) END,
        CASE WHEN d.slots IS NULL AND p.last_day > a.day THEN
            (SELECT min(x.day) FROM person_days x WHERE x.person_id = p.id AND x.day > a.day) END))
    FROM (
        SELECT j.value ->> 0 AS scope, j.value ->> 1 AS person, j.value ->> 2 AS day FROM json_each({days}) j
        UNION
        SELECT w.scope, 'u:' || w.user_id, j.value ->> 2 FROM json_each({days}) j
        CROSS JOIN visitors w ON w.scope = j.value ->> 0 AND w.visitor_id = substr(j.value ->> 1, 3)
        WHERE j.value ->> 1 LIKE 'v:%' AND w.user_id IS NOT NULL
    ) a
    CROSS JOIN people p ON p.scope = a.scope AND p.person = a.person
    LEFT JOIN person_days d ON d.person_id = p.id AND d.day = a.day
"""
SQLITE_SET_PEOPLE = """
INSERT INTO people (scope, person, last_day) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
ON CONFLICT (scope, person) DO UPDATE SET last_day = excluded.last_day
"""
SQLITE_SET_DAYS = """
INSERT INTO person_days (person_id, day, began_s, slots)
SELECT p.id, j.value ->> 2, j.value ->> 3, j.value ->> 4 FROM json_each(?) j
CROSS JOIN people p ON p.scope = j.value ->> 0 AND p.person = j.value ->> 1 WHERE true
ON CONFLICT (person_id, day) DO UPDATE SET slots = excluded.slots
"""
SQLITE_ADD_PRESENCE = [sqlite_insert(table, conflict=adding(table)) for table in (Return, HourlyPeople)]


def look_up(execute: Execute, days: list[PersonDay]) -> list[StoredDay]:
    text = execute(f"SELECT ({SQLITE_PERSON_DAYS.format(days='?1')})", (encode(days),)).fetchone()[0]
    return [StoredDay._make(row) for row in json.loads(text)]


def write(execute: Execute, people: DailyPeople) -> None:
    for statement, rows in zip(
        (SQLITE_SET_PEOPLE, SQLITE_SET_DAYS, *SQLITE_ADD_PRESENCE), people.tables(), strict=True
    ):
        if rows:
            execute(statement, (encode(rows),))
