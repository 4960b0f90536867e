"""Repairing data derived from the ledger: each kind of damage is repaired, or reported as irreparable."""

import json
import re

import pytest
from support.application.site import Site
from support.sites.full_site import everything, in_context, quiet

from koyjabo.base.core.extensions import db
from koyjabo.upkeep.recounts.derived_tables_queries import INVARIANTS, SUM_TABLES
from koyjabo.upkeep.recounts.recounts import Recounts

DERIVED = {
    "a day that is missing": "DELETE FROM daily_visits WHERE day = (SELECT min(day) FROM daily_visits)",
    "a day of no visit": "INSERT INTO daily_visits VALUES ('site', '2025-01-01', 5, 5)",
    "a counter": "UPDATE counters SET visits = visits - 1, total = total - 1",
    "hours of a person": "UPDATE person_days SET slots = 0",
    "a day of a person": "DELETE FROM person_days WHERE day = (SELECT min(day) FROM person_days)",
    "all days of all people": "DELETE FROM person_days",
    "last days": "UPDATE people SET last_day = '2038-01-01'",
    "a person who never came": "INSERT INTO people VALUES (999, 'site', 'u:nobody', '2025-12-16')",
    "people of an hour": "DELETE FROM hourly_people",
}
BEYOND = {
    "a visit that is gone": "DELETE FROM visits WHERE id = 3",
    "an ordinal": "UPDATE visits SET ordinal = ordinal + 1 WHERE id = 5",
    "a visitor who is missing": "DELETE FROM visitors WHERE visitor_id = 'v2' AND scope = 'site'",
    "a visitor who never came": "INSERT INTO visitors VALUES ('site', 'nobody', 99, NULL)",
    "a visit that is half reduced": "UPDATE visits SET visitor_id = '~~0' WHERE id = 5",
}
FIGURES = [(rollup.table, value) for rollup in SUM_TABLES for value in rollup.values]
FIGURES += [("counters", value) for value in ("visits", "total", "unique_visitors")]
NUMBERS = ("counters", "daily_visits", "hourly_visits", "people", "person_days", "returns", "hourly_people")
NEW = {"id", "person_id", "revision", "epoch"}


def repair(site: Site) -> tuple[list[str], list[str]]:
    with in_context(site):
        return site.services[Recounts].repair(quiet)


def numbers(site: Site) -> dict[str, list[dict]]:
    tables = everything(site)
    kept = {table: [{k: v for k, v in row.items() if k not in NEW} for row in tables[table]] for table in NUMBERS}
    return {table: sorted(rows, key=str) for table, rows in kept.items()}


@pytest.mark.both_kinds
def test_every_figure_and_every_row_of_derived_tables_is_recounted_and_repaired(full):
    before, stats = numbers(full), full.stats()
    for table, figure in FIGURES:
        full.rows(f"UPDATE {table} SET {figure} = {figure} + 1")
    wrong = full.recount()
    named = [re.match(r"(\w+): .*: (\w+) is", message) for message in wrong]
    assert {*FIGURES} <= {match.groups() for match in named if match}
    assert repair(full) == (wrong, [])
    assert numbers(full) == before
    for damage in DERIVED.values():
        full.rows(damage)
    wrong = full.recount()
    assert repair(full) == (wrong, [])
    assert full.recount() == []
    assert numbers(full) == before
    assert full.register("somebody").ordinal == full.stats()["totalVisits"] == stats["totalVisits"] + 1


@pytest.mark.parametrize("damage", BEYOND.values(), ids=BEYOND)
def test_a_damaged_ledger_is_reported_but_not_repaired(full, damage):
    full.rows(damage)
    wrong, before = full.recount(), numbers(full)
    assert wrong
    assert repair(full) == ([], wrong)
    assert numbers(full) == before


def test_a_repair_that_lowers_a_total_begins_a_new_epoch(full):
    before = full.stats()
    full.rows("UPDATE counters SET visits = visits + 10, total = total + 10 WHERE scope = 'site'")
    assert repair(full)[1] == []
    after = full.stats()
    assert after["totalVisits"] == before["totalVisits"]
    assert int(after["epoch"], 36) > int(before["epoch"], 36)
    assert everything(full)["adjustments"][-1]["reason"] == "koyjabo verify --repair"
    assert full.recount() == []


def test_a_repair_is_audited_only_if_it_changed_a_number(full):
    full.rows("DELETE FROM audit_log")
    assert repair(full) == ([], [])
    assert [row["action"] for row in everything(full)["audit_log"]] == ["ledger.recounted"]
    full.rows("DELETE FROM audit_log")
    full.rows("DELETE FROM hourly_people")
    repair(full)
    lines = [(row["action"], json.loads(row["details"]).get("agrees")) for row in everything(full)["audit_log"]]
    assert lines == [("ledger.recounted", False), ("ledger.repair", None), ("ledger.recounted", True)]


def test_a_repair_also_works_with_reduced_visits(full):
    full.time.pass_(days=3)
    assert full.reduce(10).visits > 0
    before = numbers(full)
    full.rows("UPDATE daily_visits SET visits = visits + 1")
    full.rows("UPDATE counters SET visits = 3")
    full.rows("UPDATE returns SET anonymous = anonymous + 1 WHERE day = (SELECT max(day) FROM returns)")
    assert repair(full)[1] == []
    assert numbers(full) == before


TABLES = (
    {rollup.table for rollup in SUM_TABLES}
    | {check.table for check in INVARIANTS}
    | {"counters", "visit_blocks", "event_blocks"}
)
NOT_DERIVED = """
adjustments forgotten_visitors watermarks
peaks users sessions login_failures communities memberships access_version
 audit_log nightly_work database_identity day_secrets month_secrets totp_secrets recovery_codes spent_codes
 pending_steps invitations email_links outbox mail_budgets events shares announcements
 api_keys
starting_steps panel_invitations attendance stored_settings page_sums
"""
"""The sources of derived data, together with `visits`, and data that exists only in these tables."""


def test_every_table_is_recounted_or_listed_as_not_derived():
    """Add each new table to one of the two lists: a recount must check derived data."""
    assert {table.name for table in db.metadata.sorted_tables} == TABLES | {*NOT_DERIVED.split()}
    assert not TABLES & {*NOT_DERIVED.split()}
