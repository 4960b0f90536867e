"""The list of derived tables is complete, and what it says of them is true."""

from __future__ import annotations

import re

from support.app_fixtures import Site
from support.archive_world import everything, in_context, quiet

from koyjabo.extensions import db
from koyjabo.maintenance import repair as repairs
from koyjabo.maintenance.derived_tables_queries import CHECKS, ROLLUPS

COUNTERS = ("visits", "total", "unique_visitors")
FIGURES = [(rollup.table, value) for rollup in ROLLUPS for value in rollup.values]
FIGURES += [("counters", value) for value in COUNTERS]
DERIVED = {table for table, _ in FIGURES} | {check.table for check in CHECKS} | {"insight_sums"}
TRUTH = """
adjustments folded_visits forgotten_visitors imported_visits
"""
"""With `visits`, these are what everything is derived from."""
ORIGINAL = """
peaks time_spent member_spans users sessions login_failures communities memberships access_version
audit_log nightly_work day_secrets totp_secrets recovery_codes spent_codes passkeys pending_steps
invitations email_links outbox events event_sums shares annotations webhook_events imported_days
"""
"""Nothing else knows these."""
REPORTS = """
traits addresses visitor_numbers watermarks
"""
"""What the facts and the sums of reports refer to, and how far they are."""
NOT_DERIVED = set(f"{TRUTH} {ORIGINAL} {REPORTS}".split())


def test_every_table_is_in_the_list_or_known_not_to_be_derived():
    """A new table belongs into one of the two: if it is derived from others, a recount has to find what is wrong."""
    assert {table.name for table in db.metadata.sorted_tables} == DERIVED | NOT_DERIVED
    assert not DERIVED & NOT_DERIVED


def test_every_column_of_a_rollup_is_described():
    for rollup in ROLLUPS:
        table = db.metadata.tables[rollup.table]
        assert set(table.primary_key.columns.keys()) == set(rollup.key)
        assert set(table.columns.keys()) == {*rollup.key, *rollup.values}


def test_every_figure_of_a_derived_table_is_recounted_and_repaired(full):
    before = numbers(full)
    for table, figure in FIGURES:
        full.rows(f"UPDATE {table} SET {figure} = {figure} + 1")
    wrong = full.recount()
    named = {
        (table, figure) for table, figure in FIGURES for each in wrong if re.match(rf"{table}: .*: {figure} is", each)
    }
    assert named == {*FIGURES}
    with in_context(full):
        assert repairs.repair(full.services.maintenance.recounts, full.services.clock, quiet).repaired == wrong
    assert numbers(full) == before


def numbers(site: Site) -> dict[str, list[dict]]:
    found = everything(site)
    for row in found["counters"]:
        del row["revision"], row["epoch"]  # they move on
    return {table: found[table] for table, _ in FIGURES}
