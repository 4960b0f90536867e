"""The list of derived tables is complete."""

from __future__ import annotations

from koyjabo.extensions import db
from koyjabo.maintenance.derived_tables_queries import CHECKS, ROLLUPS

DERIVED = {rollup.table for rollup in ROLLUPS} | {check.table for check in CHECKS} | {"counters", "insight_sums"}
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
