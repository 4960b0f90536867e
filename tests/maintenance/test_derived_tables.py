"""The list of derived tables is complete, and what it says of them is true."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site
from support.archive_world import everything, fill, in_context, quiet

from koyjabo.extensions import db
from koyjabo.maintenance import repair as repairs
from koyjabo.maintenance.derived_tables_queries import CHECKS, ROLLUPS

COUNTERS = ("visits", "total", "unique_visitors")
FIGURES = [(rollup.table, value) for rollup in ROLLUPS for value in rollup.values]
FIGURES += [("counters", value) for value in COUNTERS]
DERIVED = {table for table, _ in FIGURES} | {check.table for check in CHECKS} | {"insight_sums"}
NOT_DERIVED = {
    # With `visits`, these are what everything is derived from.
    "adjustments",
    "folded_visits",
    "forgotten_visitors",
    "imported_visits",
    # Nothing else knows these.
    "peaks",
    "time_spent",
    "member_spans",
    "users",
    "sessions",
    "login_failures",
    "communities",
    "memberships",
    "access_version",
    "audit_log",
    "nightly_work",
    "day_secrets",
    "totp_secrets",
    "recovery_codes",
    "spent_codes",
    "passkeys",
    "pending_steps",
    "invitations",
    "email_links",
    "outbox",
    "events",
    "event_sums",
    "shares",
    "annotations",
    "webhook_events",
    "imported_days",
    # Of reports: what the facts and the sums refer to, and how far they are.
    "traits",
    "addresses",
    "visitor_numbers",
    "watermarks",
}


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        fill(site)
        yield site


def test_every_table_is_in_the_list_or_known_not_to_be_derived():
    """A new table belongs into one of the two: if it is derived from others, a recount has to find what is wrong."""
    assert {table.name for table in db.metadata.sorted_tables} == DERIVED | NOT_DERIVED
    assert not DERIVED & NOT_DERIVED


@pytest.mark.parametrize("rollup", ROLLUPS, ids=lambda rollup: rollup.table)
def test_every_column_of_a_rollup_is_described(rollup):
    table = db.metadata.tables[rollup.table]
    assert set(table.primary_key.columns.keys()) == set(rollup.key)
    assert set(table.columns.keys()) == {*rollup.key, *rollup.values}


def test_every_figure_of_a_derived_table_is_recounted_and_repaired(site):
    before = {table: everything(site)[table] for table, _ in FIGURES}
    for table, figure in FIGURES:
        site.rows(f"UPDATE {table} SET {figure} = {figure} + 1")
        wrong = site.recount()
        assert {problem.partition(":")[0] for problem in wrong} == {table}
        assert all(f": {figure} is " in problem for problem in wrong)
        with in_context(site):
            assert repairs.repair(site.services.maintenance.recounts, site.services.clock, quiet).repaired == wrong
        after = everything(site)
        for row in (*before["counters"], *after["counters"]):
            row.pop("revision", None), row.pop("epoch", None)  # they move on
        assert {name: after[name] for name in before} == before
