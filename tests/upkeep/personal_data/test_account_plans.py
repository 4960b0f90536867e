"""Deleting an account never reads other people's rows, however many there are."""

import re

import pytest
from support.application.site import Site
from support.application.statements import plan_of, recorded
from support.people.accounts import PASSWORD, sign_up

pytestmark = pytest.mark.both_kinds

MANY = 20_000
NUMBERS = {
    "sqlite": f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {MANY})",
    "postgres": f"WITH n AS (SELECT generate_series(1, {MANY}) AS n)",
}
FILL = {
    "visits (id, ordinal, scope, visitor_id, visit_id, at_ms, day, hour_s, place, user_id)": (
        "SELECT n, n, 'site', 'v' || n, 'x', 1, '2025-12-16', 1, 'Unknown', CASE n % 9 WHEN 0 THEN 'u' || n % 90 END"
    ),
    "visitors (scope, visitor_id, first_visit, user_id)": "SELECT 'here', 'v' || n, n, 'u' || n % 90",
    "conversions (id, scope, visitor_id, user_id, at_ms)": "SELECT 'c' || n, 'here', 'v' || n, 'u' || n % 90, 1",
    "people (id, scope, person, last_day)": "SELECT -n, 'here', 'u:u' || n, '2025-12-16'",
    "audit_log (at_ms, actor_id, actor, action, target_kind, target_id, target, details, place)": (
        "SELECT 1, 'u' || n % 90, 'A', 'session.begin', 'user', 'u' || n % 90, 'a@example.com', '{}', ''"
    ),
}
TABLES = {statement.partition(" ")[0] for statement in FILL}


def test_rows_of_an_account_are_found_by_indexes(database, kind):
    with Site(database.url) as site:
        ayesha = sign_up(site)
        site.register("v1")
        site.rows("DELETE FROM visits")
        for table, values in FILL.items():
            site.rows(f"INSERT INTO {table} {NUMBERS[kind]} {values} FROM n")
        site.rows("ANALYZE")
        with recorded() as asked:
            assert ayesha.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
        about = [query for query in asked if re.search(rf"\b({'|'.join(TABLES)})\b", query[0])]
        assert len(about) > 8
        for statement, parameters in about:
            plan = plan_of(site, kind, statement, parameters)
            assert not re.search(rf"(Seq Scan on|SCAN) ({'|'.join(TABLES)})\b", plan), f"{statement}\n{plan}"
