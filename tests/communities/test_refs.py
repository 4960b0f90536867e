"""A community's external id can be used wherever its id can."""

import pytest
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import Person
from support.people.communities import PATH, found

from koyjabo.communities.services import CommunityServices

REF = "8f14e45f-ceea-467f-a9f3-b1d9b2c0a001"
"""Looks like an id, but is not the id of any community here."""


@pytest.fixture(scope="module")
def community(boss) -> str:
    """The id of the community with REF."""
    answer = put(boss, REF, public_count=True)
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def put(by: Person, ref: str, **fields):
    return by.put(f"{PATH}/by-ref/{ref}", json={"name": "Mirpur 10", **fields})


def refs_of(site: Site):
    return site.services[CommunityServices].refs


def test_put_creates_a_community_once_and_then_changes_the_given_fields(site, boss):
    made = put(boss, "mirpur.10", open=False)
    assert_described(site, made)
    assert (made.status_code, made.json["ref"]) == (201, "mirpur.10")
    assert (made.json["open"], made.json["listed"]) == (False, True)
    changed = put(boss, "mirpur.10", name="Mirpur 11", listed=False)
    assert (changed.status_code, changed.json) == (200, {**made.json, "name": "Mirpur 11", "listed": False})
    assert put(boss, "mirpur.10", name="Mirpur 11").json == changed.json
    actions = site.rows("SELECT action FROM audit_log WHERE target_id = :id ORDER BY id", id=made.json["id"])
    assert actions == [("community.create",), ("community.change",)], "a PUT that changes nothing is no change"


def test_community_created_by_ref_has_no_founder_and_no_members(site, community):
    assert site.rows("SELECT founder_id FROM communities WHERE id = :id", id=community) == [(None,)]
    assert site.rows("SELECT * FROM memberships WHERE community_id = :id", id=community) == []


def test_deleting_archives_and_putting_restores(site, boss):
    made = put(boss, "uttara").json
    site.register("v1", communityId="uttara")
    for _ in range(2):
        assert boss.delete(f"{PATH}/by-ref/uttara").status_code == 204
        assert_error(boss.get(f"{PATH}/uttara"), 404, "unknown_community")
        assert_error(site.post(json={"visitorId": "v1", "communityId": "uttara"}), 404, "unknown_community")
    assert (answer := put(boss, "uttara", name="Uttara")).status_code == 200
    assert answer.json["id"] == made["id"]
    assert boss.get(f"{PATH}/uttara/stats").json["totalVisits"] == 1
    assert_error(boss.delete(f"{PATH}/by-ref/nowhere"), 404, "unknown_community")


@pytest.mark.parametrize("ref", ["online", "by-ref", "x" * 256, "মিরপুর", "a%0Ab", "a%7F"])
def test_ref_that_a_path_cannot_contain_is_refused(site, boss, ref):
    answer = put(boss, ref)
    assert answer.status_code in (400, 404), answer.text
    if answer.status_code == 400:
        assert_error(answer, 400, "invalid_input", "ref")


def test_id_of_another_community_is_refused_as_a_ref(boss):
    own = found(boss, name="Ours")
    for ref in (own["id"], own["id"].upper()):
        assert_error(put(boss, ref), 409, "ref_taken")
    assert boss.get(f"{PATH}/{own['id']}").json["name"] == "Ours"


def test_path_may_contain_the_ref(site, boss, community):
    for path in ("", "/members", "/stats", "/visitors/realtime", "/visitors/online", "/visitors/today"):
        by_id, by_ref = boss.get(f"{PATH}/{community}{path}"), boss.get(f"{PATH}/{REF}{path}")
        assert (by_ref.status_code, by_ref.json) == (by_id.status_code, by_id.json), path
    for name in ("summary", "timeline"):
        assert boss.get(f"{PATH}/{REF}/reports/{name}").status_code == 200, name
    assert boss.patch(f"{PATH}/{REF}", json={"description": "By ref"}).json["id"] == community


def test_visit_or_badge_may_name_the_ref(site, community):
    before = site.services.identities.community_id(community)
    ours = site.register("v2", visitId="1", communityId=REF)
    again = site.register("v2", visitId="1", communityId=community)
    assert (before, again.ordinal, again.duplicate) == (community, ours.ordinal, True)
    assert site.rows("SELECT count(*) FROM visits WHERE scope = :id", id=community) == [(1,)]
    badges = [site.client.get(f"/badge.svg?value=online&community={name}").text for name in (community, REF)]
    assert badges[0] == badges[1]
    assert "online now: 0" in badges[0]


def test_key_or_share_link_may_name_the_ref(boss, community):
    body = {"name": "App", "scopes": ["stats:read"]}
    key = boss.post("/api/keys", json={**body, "community": REF})
    assert (key.status_code, key.json["community"]) == (201, community)
    link = boss.post("/api/shares", json={"name": "Board", "filters": {"community": [community]}}).json
    assert [share["id"] for share in boss.get(f"/api/shares?community={REF}").json] == [link["id"]]
    assert_error(boss.post("/api/keys", json={**body, "community": ""}), 404, "unknown_community")


def test_ref_of_a_deleted_community_can_name_a_new_one_within_a_second(site, boss):
    first = put(boss, "banani").json["id"]
    assert refs_of(site).resolve("banani") == first
    site.rows("DELETE FROM communities WHERE id = :id", id=first)  # as another server does
    second = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
    values = "'', 'banani', :id, true, true, 1, false, false"
    columns = "description, ref, name, is_open, is_listed, created_ms, count_anonymous, public_count"
    site.rows(f"INSERT INTO communities (id, {columns}) VALUES (:id, {values})", id=second)
    refs_of(site).refresh()
    assert refs_of(site).resolve("banani") == second
    site.rows("DELETE FROM communities WHERE id = :id", id=second)
    refs_of(site).refresh()
    assert refs_of(site).resolve("banani") == "banani"
