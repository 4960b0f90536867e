"""A community with any number of visits and people over the last year, written by the database itself.

Who makes which visit looks random, so that people come after any number of days; two in five are users. Everything adds
up as if the server had written it: `koyjabo verify` says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection

from harness import fill
from harness.fill import CHUNK, DHAKA_S, ROLLUPS

COMMUNITY = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
VISITS_EACH = 10  # on average
SPAN_MS = 365 * 24 * 3600 * 1000
DAY_S = 24 * 3600
STEPS = 10  # of what is derived from the visits; each counts as a chunk in the progress

FOUND = f"""
INSERT INTO communities (id, name, description, is_open, is_listed, created_ms)
VALUES ('{COMMUNITY}', 'Benchmark', '', true, true, :now_ms);
INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision)
SELECT '{COMMUNITY}', epoch, 0, 0, 0, revision FROM counters WHERE scope = 'site';
DROP INDEX uq_visits_visitor_visit
"""
ADD_VISITS = """
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, page, user_id)
{numbers}
SELECT id, id + :offset, :community, {visitor}, {visit}, at_ms, {day}, at_ms / 3600000 * 3600, 'Unknown', '/',
       CASE WHEN person % 5 < 2 THEN {user} END
FROM (
    SELECT id, :began_ms + id * :step_us / 1000 AS at_ms,
           ((id * id % 2147483647) * 1103515245 + id * 12345) % 2147483647 % :people AS person FROM numbers
) AS moments
"""
INDEX = "CREATE UNIQUE INDEX uq_visits_visitor_visit ON visits (visitor_id, visit_id)"
ADD_VISITORS = """
INSERT INTO visitors (scope, visitor_id, first_visit, user_id)
SELECT scope, visitor_id, min(id), max(user_id) FROM visits GROUP BY scope, visitor_id
"""
ADD_VISITORS_OF_SITE = """
INSERT INTO visitors (scope, visitor_id, first_visit) SELECT 'site', visitor_id, first_visit FROM visitors
"""
ADD_ROLLUP = """
INSERT INTO {table} (scope, {key}, visits, new_visitors)
SELECT scopes.scope, {key}, sum(visits), sum(new_visitors) FROM (
    SELECT {key}, count(*) AS visits, 0 AS new_visitors FROM visits GROUP BY {key}
    UNION ALL
    SELECT v.{key}, 0, count(*) FROM visitors w JOIN visits v ON v.id = w.first_visit
    WHERE w.scope = 'site' GROUP BY v.{key}
) AS sums CROSS JOIN (SELECT 'site' AS scope UNION ALL SELECT CAST(:community AS text)) AS scopes
GROUP BY scopes.scope, {key}
"""
ADD_PEOPLE = """
INSERT INTO people (scope, person, last_day)
SELECT scope, coalesce('u:' || user_id, 'v:' || visitor_id), max(day) FROM visits GROUP BY scope, visitor_id, user_id
"""
ADD_DAYS = f"""
INSERT INTO person_days (person_id, day, began_s, slots)
SELECT p.id, t.day, t.began_s, CAST(sum(CAST(1 AS bigint) << CAST((t.hour_s - t.began_s) / 1800 AS integer)) AS bigint)
FROM (
    SELECT DISTINCT coalesce('u:' || user_id, 'v:' || visitor_id) AS person, day, hour_s,
           (hour_s + {DHAKA_S}) / {DAY_S} * {DAY_S} - {DHAKA_S} AS began_s FROM visits
) AS t JOIN people p ON p.scope = :community AND p.person = t.person
GROUP BY p.id, t.day, t.began_s
"""
SPLIT = "sum(CASE WHEN is_user THEN 1 ELSE 0 END), sum(CASE WHEN is_user THEN 0 ELSE 1 END)"
ADD_RETURNS = f"""
INSERT INTO returns (scope, day, previous_day, authenticated, anonymous)
SELECT :community, day, previous_day, {SPLIT} FROM (
    SELECT d.day, coalesce(lag(d.day) OVER (PARTITION BY d.person_id ORDER BY d.day), '') AS previous_day,
           p.person LIKE 'u:%' AS is_user
    FROM person_days d JOIN people p ON p.id = d.person_id
) AS days GROUP BY day, previous_day
"""
ADD_HOURS = f"""
INSERT INTO hourly_people (scope, hour_s, authenticated, anonymous)
SELECT scope, hour_s, {SPLIT} FROM (
    SELECT DISTINCT scope, hour_s, visitor_id, user_id IS NOT NULL AS is_user FROM visits
) AS hours GROUP BY scope, hour_s
"""
SET_COUNTERS = """
UPDATE counters SET visits = :visits, total = :visits + CASE WHEN scope = 'site' THEN :offset ELSE 0 END,
unique_visitors = (SELECT count(*) FROM people), revision = :now_ms
"""
NEWEST = "SELECT c.visits, (SELECT day FROM visits WHERE id = c.visits) FROM counters c WHERE c.scope = 'site'"


@dataclass(frozen=True)
class Spelling:
    """What the two databases spell differently."""

    visitor: str
    user: str


SQLITE = Spelling("printf('v%08d', person)", "printf('%08d-0000-4000-8000-000000000000', person)")
POSTGRES = Spelling(
    "'v' || lpad(CAST(person AS text), 8, '0')",
    "lpad(CAST(person AS text), 8, '0') || '-0000-4000-8000-000000000000'",
)


def holds(url: str, visits: int) -> bool:
    """Whether there are so many visits, or some more, up to the day of the newest; and that day is today."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            stored, day = connection.execute(text(NEWEST)).one()
            return visits <= stored < visits * 1.01 + 10_000 and day == today()
    finally:
        engine.dispose()


def today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + DHAKA_S))


def steps(visits: int) -> int:
    """How far `advance` will have been told to go."""
    return visits + STEPS * CHUNK


def fill_people(url: str, visits: int, advance: Callable[[int], None]) -> None:
    """Write a year of visits up to this moment into a database that has none."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    common, own = (fill.SQLITE, SQLITE) if engine.dialect.name == "sqlite" else (fill.POSTGRES, POSTGRES)
    now_ms = time.time_ns() // 1_000_000
    try:
        with engine.connect() as connection:
            _all(connection, common.begin)
            offset = connection.execute(text(fill.COUNTED)).one().total
            fixed = {"offset": offset, "now_ms": now_ms, "community": COMMUNITY, "visits": visits}
            fixed |= {"people": max(1, visits // VISITS_EACH)}
            fixed |= {"began_ms": now_ms - SPAN_MS, "step_us": SPAN_MS * 1000 // visits}
            _all(connection, FOUND.split(";"), fixed)
            spelled = {"numbers": common.numbers, "visit": common.visit, "day": common.day, **vars(own)}
            for first in range(1, visits + 1, CHUNK):
                last = min(first + CHUNK - 1, visits)
                _all(connection, (ADD_VISITS.format(**spelled),), {**fixed, "first": first, "last": last})
                advance(last - first + 1)
            for statement in _derived():
                _all(connection, (statement,), fixed)
                advance(CHUNK)
            _all(connection, common.finish)
    finally:
        engine.dispose()


def enrol(url: str, user_id: str) -> None:
    """Make a user a member of the community."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            member = {"community": COMMUNITY, "user": user_id}
            connection.execute(text("INSERT INTO memberships VALUES (:community, :user, 'member', 1)"), member)
    finally:
        engine.dispose()


def _derived() -> list[str]:
    rollups = [ADD_ROLLUP.format(table=table, key=key) for table, key in ROLLUPS.items()]
    people = [ADD_PEOPLE, ADD_DAYS, ADD_RETURNS, ADD_HOURS, SET_COUNTERS]
    made = [INDEX, ADD_VISITORS, ADD_VISITORS_OF_SITE, *rollups, *people]
    assert len(made) == STEPS
    return made


def _all(connection: Connection, statements: tuple[str, ...] | list[str], parameters: dict | None = None) -> None:
    for statement in statements:
        asked = text(statement)
        connection.execute(asked, {name: (parameters or {})[name] for name in asked._bindparams})
