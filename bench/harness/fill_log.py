"""Visits as a panel lists them: places of very different size, a large and a small community, long user agents.

Only the visits are written, for looking at them; nothing that is derived from them. A program of its own, because the
product, where it is imported, begins the transactions of each engine for SQLite in its own way.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import click
from sqlalchemy import create_engine, text

from harness import fill
from harness.fill import CHUNK

LARGE, SMALL = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a22"
"""Communities of a tenth of the visits, and of one in 50,000."""

COMMON, RARE = "Place 0, BD", "Rare, BD"
"""The place of an eighth of the visits, and of one in 250,000."""

SPAN_MS = 365 * 24 * 3600 * 1000
SPREAD = "((id * id % 2147483647) * 1103515245 + id * 12345) % 2147483647 % 500"
ADD_VISITS = f"""
INSERT INTO visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, referrer, user_agent, page)
{{numbers}}
SELECT id, id + :offset,
       CASE WHEN id % 50000 = 7 THEN '{SMALL}' WHEN id % 10 = 0 THEN '{LARGE}' ELSE 'site' END,
       'visitor_' || (1700000000000 + (id - 1) / 5 * 1000) || '_' || ((id - 1) / 5), {{visit}}, at_ms, {{day}},
       at_ms / 3600000 * 3600,
       CASE WHEN id % 250000 = 9 THEN '{RARE}' ELSE 'Place ' || (spread * spread / 500 * spread / 500) || ', BD' END,
       'https://search.example.com/path/' || spread, 'Mozilla/5.0 (Linux; Android 14; Pixel ' || spread ||
       ') AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36', '/history'
FROM (SELECT id, :began_ms + id * :step_us / 1000 AS at_ms, {SPREAD} AS spread FROM numbers) AS moments
"""
INDEX = "CREATE UNIQUE INDEX uq_visits_visitor_visit ON visits (visitor_id, visit_id)"
SET_COUNTER = "UPDATE counters SET visits = :visits, total = :visits + :offset WHERE scope = 'site'"


@click.command()
@click.argument("url")
@click.argument("visits", type=int)
def fill_log(url: str, visits: int) -> None:
    """Write a year of visits up to this moment into a database that has none."""
    with click.progressbar(length=visits, label=f"{visits:,} visits to look through") as bar:
        _fill(url, visits, bar.update)


def _fill(url: str, visits: int, advance: Callable[[int], None]) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    dialect = fill.SQLITE if engine.dialect.name == "sqlite" else fill.POSTGRES
    began_ms = time.time_ns() // 1_000_000 - SPAN_MS
    try:
        with engine.connect() as connection:
            offset = connection.execute(text(fill.COUNTED)).one().total
            for statement in (*dialect.begin, "DROP INDEX uq_visits_visitor_visit"):
                connection.execute(text(statement))
            add = text(ADD_VISITS.format(numbers=dialect.numbers, visit=dialect.visit, day=dialect.day))
            fixed = {"offset": offset, "began_ms": began_ms, "step_us": SPAN_MS * 1000 // visits}
            for first in range(1, visits + 1, CHUNK):
                last = min(first + CHUNK - 1, visits)
                connection.execute(add, {**fixed, "first": first, "last": last})
                advance(last - first + 1)
            connection.execute(text(INDEX))
            connection.execute(text(SET_COUNTER), {"visits": visits, "offset": offset})
            for statement in dialect.finish:
                connection.execute(text(statement))
    finally:
        engine.dispose()


if __name__ == "__main__":
    fill_log()
