"""Tables with many rows, written at once: enough for a database to choose its plans as with millions."""

from __future__ import annotations

from support.app_fixtures import Site

HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
FILL = {
    "visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place)": (
        "SELECT n, n, 'site', 'v' || n, 'x', 1, '2025-12-16', 1, 'Unknown'"
    ),
    "visitors (scope, visitor_id, first_visit)": "SELECT 'site', 'v' || n, n",
    "daily_visits": "SELECT 'site', 'd' || n, 1, 1",
    "hourly_visits": "SELECT 'site', n, 1, 1",
    "people (id, scope, person, last_day)": f"SELECT -n, '{HERE}', 'v:v' || n, '2025-12-16'",  # ids it does not give
    "person_days (person_id, day, began_s, slots)": "SELECT -n, '2025-12-16', 1, 1",
    "returns": f"SELECT '{HERE}', 'd' || n, '', 1, 1",
    "hourly_people": f"SELECT '{HERE}', n, 1, 1",
}
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {rows})",
    "postgres": "WITH numbers AS (SELECT generate_series(1, {rows}) AS n)",
}


def fill(site: Site, kind: str, rows: int, analyze: bool) -> None:
    site.add_community(HERE)
    for table, values in FILL.items():
        site.rows(f"INSERT INTO {table} {NUMBERS[kind].format(rows=rows)} {values} FROM numbers")
    site.rows(f"UPDATE counters SET visits = {rows}, total = {rows}, unique_visitors = {rows} WHERE scope = 'site'")
    if analyze:
        site.rows("ANALYZE")
