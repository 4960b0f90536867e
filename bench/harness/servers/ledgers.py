"""Ledgers of a year with any number of visits, with all that reports break down by, written by the database itself.

Who makes which visit looks random, so that people come after any number of days. Everything adds up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import click
from sqlalchemy import create_engine, text
from support.databases.database import EMPTY, Database, Postgres, SqliteDatabase
from support.programs.processes import wait_until

from harness.folders import CACHE
from harness.servers import process_figures as proc
from harness.servers.databases import is_exact, migrate
from harness.servers.server import Server

FOLDER = CACHE / "ledgers"
VISITS_EACH = 10  # of a person, on average
CHUNK = 250_000
SPAN_MS = 365 * 24 * 3600 * 1000
REST_MS = 600 * 1000
"""Since the last visit, so that no visitor is active: their leases would end during a measurement."""

DHAKA_S = 6 * 3600
INDEX = "CREATE UNIQUE INDEX uq_visits_visitor_visit ON visits (visitor_id, visit_id)"
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
ROLLUPS = [ADD_ROLLUP.format(table=f"{kind}_visits", key=key) for kind, key in (("daily", "day"), ("hourly", "hour_s"))]
SET_COUNTER = """
UPDATE counters SET visits = :visits, total = :visits + :offset, revision = :now_ms,
unique_visitors = (SELECT count(*) FROM visitors) WHERE scope = 'site'
"""
COUNTED = "SELECT visits, total FROM counters WHERE scope = 'site'"
UNREAD = """
SELECT c.visits - coalesce((SELECT max(last) FROM visit_blocks), 0) - 8192 FROM counters c WHERE c.scope = 'site'
"""
PATIENCE_S = 3600


@dataclass(frozen=True)
class Dialect:
    """What the two databases spell differently."""

    numbers: str
    visitor: str
    visit: str
    day: str
    begin: tuple[str, ...]
    finish: tuple[str, ...]


SQLITE = Dialect(
    numbers="WITH RECURSIVE numbers(id) AS (SELECT :first AS id UNION ALL SELECT id + 1 FROM numbers WHERE id < :last)",
    visitor="printf('v%08d', person)",
    visit="printf('%010d', id)",
    day=f"date(at_ms / 1000 + {DHAKA_S}, 'unixepoch')",
    begin=("PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"),
    finish=("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA optimize"),
)
POSTGRES = Dialect(
    numbers="WITH numbers AS (SELECT generate_series(CAST(:first AS bigint), :last) AS id)",
    visitor="'v' || lpad(CAST(person AS text), 8, '0')",
    visit="lpad(CAST(id AS text), 10, '0')",
    day=f"to_char(to_timestamp(at_ms / 1000 + {DHAKA_S}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    begin=("SET synchronous_commit = off",),
    finish=("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"),  # now, not during a measurement
)


def filled(name: str, visits: int, server: Postgres | None = None, is_kept: bool = False) -> Database:
    """A database with so many visits, in a file or on `server`, without blocks. One that is kept is taken again by the
    next run, if it has as many.
    """
    database: Database
    if server is not None:
        database = server.new_database(EMPTY)
    else:
        FOLDER.mkdir(parents=True, exist_ok=True)
        database = SqliteDatabase(FOLDER / f"{name}-{visits}.db")
        if is_kept and database.path.exists():
            migrate(database)
            if int(database.rows(COUNTED)[0][0]) == visits:
                return database
        for path in FOLDER.glob(f"{database.path.name}*"):
            path.unlink()
    migrate(database)
    with click.progressbar(length=visits, label=f"{visits:,} visits of a site") as bar:
        _fill(database.url, visits, bar.update)
    if not is_exact(database, visits):
        raise click.ClickException(f"the {visits:,} visits do not add up: has the schema changed?")
    return database


def _fill(url: str, visits: int, advance) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:"), isolation_level="AUTOCOMMIT")
    spelled = SQLITE if engine.dialect.name == "sqlite" else POSTGRES
    now_ms = time.time_ns() // 1_000_000
    add = text(
        ADD_VISITS.format(numbers=spelled.numbers, visitor=spelled.visitor, visit=spelled.visit, day=spelled.day)
    )
    with engine.connect() as connection:
        fixed = {"offset": connection.execute(text(COUNTED)).one().total, "people": max(1, visits // VISITS_EACH)}
        fixed |= {"began_ms": now_ms - SPAN_MS - REST_MS, "step_us": SPAN_MS * 1000 // visits}
        for statement in (*spelled.begin, "DROP INDEX uq_visits_visitor_visit"):
            connection.execute(text(statement))
        for first in range(1, visits + 1, CHUNK):
            last = min(first + CHUNK - 1, visits)
            connection.execute(add, {**fixed, "first": first, "last": last})
            advance(last - first + 1)
        for statement in (INDEX, ADD_VISITORS, *ROLLUPS):
            connection.execute(text(statement))
        connection.execute(text(SET_COUNTER), {"visits": visits, "offset": fixed["offset"], "now_ms": now_ms})
        for statement in spelled.finish:
            connection.execute(text(statement))
    engine.dispose()


def wait_until_read(server: Server, database: Database) -> tuple[float, float]:
    """Until all visits have their blocks: how long it took, s, and how much of a core, s. The server does nothing
    else meanwhile.
    """
    began, used_us = time.monotonic(), proc.cpu_us(server.pid)
    wait_until(lambda: database.rows(UNREAD)[0][0] <= 0, "blocks are stored", PATIENCE_S, 0.5)
    return time.monotonic() - began, (proc.cpu_us(server.pid) - used_us) / 1e6
