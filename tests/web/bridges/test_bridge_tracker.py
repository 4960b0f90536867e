"""The tracker for programs of Citinfos, and what the application tells every tracker (docs/bridges.md)."""

from __future__ import annotations

import pytest
from support.account_calls import sign_up
from support.app_fixtures import Site
from support.community_calls import found

from koyjabo.clock import iso
from koyjabo.models import Scope
from koyjabo.presence import visitor_tracker as ours
from koyjabo.web.bridges.citinfos.tracker import visitor_tracker as theirs


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def test_results_are_those_of_citinfos(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    community = found(ayesha)["id"]
    divisions = {"visitor_division_id": "d1", "community_division_id": "d2"}
    added = theirs.add_visitor(ayesha.id, community, **divisions, ip_address="103.4.147.9", user_agent="x")
    shown = {"visitor_division": "d1", "community_division": "d2"}
    assert added == {"current_count": 1, "is_cross_division": True, **shown}
    refused = theirs.add_visitor("anonymous_77", community, is_authenticated=False, device_fingerprint="77")
    assert (refused["current_count"], refused["is_cross_division"], bool(refused["error"])) == (1, False, True)
    assert theirs.add_visitor(babul.id, community)["is_cross_division"] is False
    assert ours.get_visitor_count(community) == 2
    first = {each["user_id"]: each for each in theirs.get_visitor_list(community)}[ayesha.id]
    assert (first["joined_at"], first["is_authenticated"]) == (iso(site.time.ms), True)
    site.services.presence.peaks.record(Scope(community), 7)
    assert theirs.get_peak_counts(community) == {"daily": 7, "weekly": 7, "monthly": 7}
    assert theirs.remove_visitor(ayesha.id, community) == 1


def test_application_knows_communities_and_where_users_have_logged_in(site):
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    first, second = found(ayesha)["id"], found(ayesha)["id"]
    for community in (first, second):
        ours.add_visitor(ayesha.id, community)
    ours.add_visitor(babul.id, second)
    assert ours.get_user_visiting_communities(ayesha.id) == {first, second}
    assert ours.get_user_visiting_communities(babul.id) == {second}
    site.rows("UPDATE sessions SET place = 'Savar, BD'")
    assert ours.get_division_breakdown(second) == {"Dhaka": 2}
    site.rows(
        "INSERT INTO sessions (id, user_id, refresh_id, created_ms, expires_ms, place) "
        "SELECT 'newer', user_id, 'x', created_ms + 1, expires_ms, 'Sylhet, BD' FROM sessions WHERE user_id = :id",
        id=babul.id,
    )
    assert ours.get_division_breakdown(second) == {"Dhaka": 1, "Sylhet": 1}
    site.rows("UPDATE sessions SET revoked_ms = 1 WHERE id = 'newer'")
    assert ours.get_division_breakdown(second) == {"Dhaka": 2}
