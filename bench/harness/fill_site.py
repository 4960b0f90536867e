"""A site with any number of visits over the last year, with all that reports break down by, written by the database.

Who makes which visit looks random, so that people come after any number of days.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import create_engine, text

from harness import fill
from harness.fill import CHUNK, ROLLUPS

VISITS_EACH = 10  # of a person, on average
SPAN_MS = 365 * 24 * 3600 * 1000
INDEX = "CREATE UNIQUE INDEX uq_visits_visitor_visit ON visits (visitor_id, visit_id)"
VISITOR = {"sqlite": "printf('v%08d', person)", "postgresql": "'v' || lpad(CAST(person AS text), 8, '0')"}
PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel "
ENGINE = ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0"
ADD_VISITS = f"""
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, referrer, user_agent, page,
                    language, campaign)
{{numbers}}
SELECT id, id + :offset, 'site', 'visitor_1700000000000_' || {{visitor}}, {{visit}}, at_ms, {{day}},
       at_ms / 3600000 * 3600,
       CASE WHEN person % 3 = 0 THEN 'Dhaka' ELSE 'City ' || (person % 40) END || ', BD',
       CASE id % 5 WHEN 0 THEN 'https://www.google.com/' WHEN 1 THEN 'https://m.facebook.com/'
       WHEN 2 THEN 'https://site' || (id % 97) || '.example.com/page' END,
       CASE WHEN person % 8 = 0 THEN '{DESKTOP}' ELSE '{PHONE}' || (person % 200) || '{ENGINE}' END,
       CASE WHEN id % 3 = 0 THEN '/' ELSE '/route/' || (id * 7919 % 200) END,
       CASE WHEN person % 5 < 3 THEN 'bn' ELSE 'en' END,
       CASE WHEN id % 20 = 0 THEN 'utm_source=newsletter&utm_medium=email&utm_campaign=eid' END
FROM (
    SELECT id, :began_ms + id * :step_us / 1000 AS at_ms,
           ((id * id % 2147483647) * 1103515245 + id * 12345) % 2147483647 % :people AS person FROM numbers
) AS moments
"""
ADD_VISITORS = """
INSERT INTO visitors (scope, visitor_id, first_visit) SELECT 'site', visitor_id, min(id) FROM visits GROUP BY visitor_id
"""
ADD_ROLLUP = """
INSERT INTO {table} (scope, {key}, visits, new_visitors)
SELECT 'site', v.{key}, count(*), count(w.first_visit) FROM visits v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id AND w.first_visit = v.id GROUP BY v.{key}
"""
SET_COUNTER = """
UPDATE counters SET visits = :visits, total = :visits + :offset, revision = :now_ms,
unique_visitors = (SELECT count(*) FROM visitors) WHERE scope = 'site'
"""


def fill_site(url: str, visits: int, advance: Callable[[int], None]) -> None:
    """Write a year of visits up to this moment into a database that has none."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    common = fill.SQLITE if engine.dialect.name == "sqlite" else fill.POSTGRES
    now_ms = time.time_ns() // 1_000_000
    try:
        with engine.connect() as connection:
            offset = connection.execute(text(fill.COUNTED)).one().total
            fixed = {"offset": offset, "people": max(1, visits // VISITS_EACH)}
            fixed |= {"began_ms": now_ms - SPAN_MS, "step_us": SPAN_MS * 1000 // visits}
            for statement in (*common.begin, "DROP INDEX uq_visits_visitor_visit"):
                connection.execute(text(statement))
            add = text(
                ADD_VISITS.format(
                    numbers=common.numbers, visit=common.visit, day=common.day, visitor=VISITOR[engine.dialect.name]
                )
            )
            for first in range(1, visits + 1, CHUNK):
                last = min(first + CHUNK - 1, visits)
                connection.execute(add, {**fixed, "first": first, "last": last})
                advance(last - first + 1)
            for statement in (INDEX, ADD_VISITORS, *_rollups()):
                connection.execute(text(statement))
                advance(CHUNK)
            connection.execute(text(SET_COUNTER), {"visits": visits, "offset": offset, "now_ms": now_ms})
            for statement in common.finish:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def steps(visits: int) -> int:
    """How far `advance` will have been told to go."""
    return visits + (2 + len(ROLLUPS)) * CHUNK


def _rollups() -> list[str]:
    return [ADD_ROLLUP.format(table=table, key=key) for table, key in ROLLUPS.items()]
