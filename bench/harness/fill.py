"""Ledgers with any number of visits, written by the database itself, in which everything adds up.

Visits come at even distances over the last 30 days. Each visitor makes five, one after the other, so that indexes
grow at their end and ten million visits take minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection

VISITS_EACH = 5
CHUNK = 250_000
SPAN_MS = 30 * 24 * 3600 * 1000
REST_MS = 600 * 1000
"""Since the last visit, so that no visitor is active: their leases would end during a measurement."""

DHAKA_S = 6 * 3600

ADD_VISITS = """
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, page)
{numbers}
SELECT id, id + :offset, 'site', {visitor}, {visit}, at_ms, {day}, at_ms / 3600000 * 3600, 'Unknown', '/'
FROM (SELECT id, :began_ms + id * :step_us / 1000 AS at_ms FROM numbers) AS moments
"""
ADD_VISITORS = """
INSERT INTO visitors (scope, visitor_id, first_visit)
SELECT scope, visitor_id, id FROM visits WHERE id BETWEEN :first AND :last AND (id - 1) % :each = 0
"""
ROLLUPS = {"daily_visits": "day", "hourly_visits": "hour_s"}
ADD_TO_ROLLUP = """
INSERT INTO {table} (scope, {key}, visits, new_visitors)
SELECT scope, {key}, count(*), sum(CASE WHEN (id - 1) % :each = 0 THEN 1 ELSE 0 END)
FROM visits WHERE id BETWEEN :first AND :last GROUP BY scope, {key}
ON CONFLICT (scope, {key}) DO UPDATE
SET visits = {table}.visits + excluded.visits, new_visitors = {table}.new_visitors + excluded.new_visitors
"""
SET_COUNTER = """
UPDATE counters SET visits = :last, total = :last + :offset, unique_visitors = (:last - 1) / :each + 1,
revision = :now_ms WHERE scope = 'site'
"""
COUNTED = "SELECT visits, total FROM counters WHERE scope = 'site'"


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
    visitor="printf('v%08d', (id - 1) / :each)",
    visit="printf('%010d', id)",
    day=f"date(at_ms / 1000 + {DHAKA_S}, 'unixepoch')",
    begin=("PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000"),
    finish=("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA optimize"),
)
POSTGRES = Dialect(
    numbers="WITH numbers AS (SELECT generate_series(CAST(:first AS bigint), :last) AS id)",
    visitor="'v' || lpad(CAST((id - 1) / :each AS text), 8, '0')",
    visit="lpad(CAST(id AS text), 10, '0')",
    day=f"to_char(to_timestamp(at_ms / 1000 + {DHAKA_S}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    begin=("SET synchronous_commit = off",),
    finish=("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT"),  # now, not during a measurement
)


def counted(url: str) -> int:
    """How many visits a migrated database holds."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(COUNTED)).one().visits
    finally:
        engine.dispose()


def fill(url: str, visits: int, advance: Callable[[int], None]) -> None:
    """Write `visits` visits into a database that has none; `advance(n)` is told of each n of them."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    dialect = SQLITE if engine.dialect.name == "sqlite" else POSTGRES
    now_ms = time.time_ns() // 1_000_000
    try:
        with engine.connect() as connection:
            _each(connection, dialect.begin)
            offset = connection.execute(text(COUNTED)).one().total
            fixed = {"offset": offset, "each": VISITS_EACH, "now_ms": now_ms}
            fixed |= {"began_ms": now_ms - SPAN_MS - REST_MS, "step_us": SPAN_MS * 1000 // visits}
            for first in range(1, visits + 1, CHUNK):
                last = min(first + CHUNK - 1, visits)
                _add(connection, dialect, {**fixed, "first": first, "last": last})
                advance(last - first + 1)
            _each(connection, dialect.finish)
    finally:
        engine.dispose()


def _add(connection: Connection, dialect: Dialect, numbers: dict[str, int]) -> None:
    """One chunk, in a transaction: a reader in between sees a ledger that adds up."""
    spelled = {"numbers": dialect.numbers, "visitor": dialect.visitor, "visit": dialect.visit, "day": dialect.day}
    rollups = [ADD_TO_ROLLUP.format(table=table, key=key) for table, key in ROLLUPS.items()]
    connection.execute(text("BEGIN"))
    for statement in (ADD_VISITS.format(**spelled), ADD_VISITORS, *rollups, SET_COUNTER):
        connection.execute(text(statement), numbers)
    connection.execute(text("COMMIT"))


def _each(connection: Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(text(statement))
