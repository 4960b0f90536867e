"""External ids of communities and their members, added one by one or as a whole list."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import Person, sign_up
from support.people.communities import PATH, found, give, losses
from support.runs.fuzz_effort import effort

from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.services import AccountServices

REF = "8f14e45f-ceea-467f-a9f3-b1d9b2c0a001"  # looks like an id, but is not the id of any community here
numbers = count(1)
LISTS = st.lists(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.sampled_from(("member", "moderator", "admin")), st.sampled_from("XYZ"))
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def community(boss) -> str:
    answer = put(boss, REF, public_count=True)
    assert answer.status_code == 201, answer.text
    return answer.json["id"]


def put(by: Person, ref: str, **fields):
    return by.put(f"{PATH}/by-ref/{ref}", json={"name": "Mirpur 10", **fields})


def refs_of(site: Site):
    return site.services[CommunityServices].refs


def test_a_put_by_external_id_creates_a_community_once_then_changes_the_given_fields(site, boss):
    made = put(boss, "mirpur.10", open=False)
    assert_described(site, made)
    assert (made.status_code, made.json["ref"]) == (201, "mirpur.10")
    assert (made.json["open"], made.json["listed"]) == (False, True)
    changed = put(boss, "mirpur.10", name="Mirpur 11", listed=False)
    assert (changed.status_code, changed.json) == (200, {**made.json, "name": "Mirpur 11", "listed": False})
    assert put(boss, "mirpur.10", name="Mirpur 11").json == changed.json
    actions = site.rows("SELECT action FROM audit_log WHERE target_id = :id ORDER BY id", id=made.json["id"])
    assert actions == [("community.create",), ("community.change",)], "a PUT that changes nothing is no change"
    assert site.rows("SELECT founder_id FROM communities WHERE id = :id", id=made.json["id"]) == [(None,)]
    assert site.rows("SELECT * FROM memberships WHERE community_id = :id", id=made.json["id"]) == []


def test_a_delete_by_external_id_archives_a_community_and_a_put_restores_it(site, boss):
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


def test_an_external_id_is_refused_if_taken_or_impossible_in_a_path(boss):
    for ref in ("online", "by-ref", "x" * 256, "মিরপুর", "a%0Ab", "a%7F"):
        assert_error(put(boss, ref), 400, "invalid_input", "ref")
    own = found(boss, name="Ours")
    for ref in (own["id"], own["id"].upper()):
        assert_error(put(boss, ref), 409, "ref_taken")
    assert boss.get(f"{PATH}/{own['id']}").json["name"] == "Ours"


def test_a_path_may_contain_the_external_id_instead_of_the_id(site, boss, community):
    for path in ("", "/members", "/stats", "/visitors/realtime", "/visitors/online", "/visitors/today"):
        by_id, by_ref = boss.get(f"{PATH}/{community}{path}"), boss.get(f"{PATH}/{REF}{path}")
        assert (by_ref.status_code, by_ref.json) == (by_id.status_code, by_id.json), path
    for name in ("summary", "timeline"):
        assert boss.get(f"{PATH}/{REF}/reports/{name}").status_code == 200, name
    assert boss.patch(f"{PATH}/{REF}", json={"description": "By ref"}).json["id"] == community


def test_visits_badges_keys_and_share_links_accept_an_external_id_of_a_community(site, boss, community):
    before = site.services.identities.community_id(community)
    ours = site.register("v2", visitId="1", communityId=REF)
    again = site.register("v2", visitId="1", communityId=community)
    assert (before, again.ordinal, again.duplicate) == (community, ours.ordinal, True)
    assert site.rows("SELECT count(*) FROM visits WHERE scope = :id", id=community) == [(1,)]
    badges = [site.client.get(f"/badge.svg?value=online&community={name}").text for name in (community, REF)]
    assert badges[0] == badges[1]
    assert "online now: 0" in badges[0]
    body = {"name": "App", "scopes": ["stats:read"]}
    key = boss.post("/api/keys", json={**body, "community": REF})
    assert (key.status_code, key.json["community"]) == (201, community)
    link = boss.post("/api/shares", json={"name": "Board", "filters": {"community": [community]}}).json
    assert [share["id"] for share in boss.get(f"/api/shares?community={REF}").json] == [link["id"]]


def test_the_external_id_of_a_deleted_community_can_name_a_new_one(site, boss):
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


@pytest.fixture
def here(boss) -> str:
    """The path of a new community with an external id."""
    ref = f"c{next(numbers)}"
    assert boss.put(f"{PATH}/by-ref/{ref}", json={"name": "Mirpur 10"}).status_code == 201
    return f"{PATH}/{ref}"


def put_member(by: Person, here: str, ref: str, role: str = "member", name: str = "Ayesha"):
    return by.put(f"{here}/members/by-ref/{ref}", json={"role": role, "name": name})


def entry(ref: str, role: str = "member", name: str = "Ayesha") -> dict[str, str]:
    return {"ref": ref, "role": role, "name": name}


def tag(by: Person, here: str) -> str:
    return by.get(f"{here}/members").headers["ETag"]


def sync(by: Person, here: str, *members: dict[str, str], tag: str | None):
    return by.put(f"{here}/members", json={"members": members}, headers={"If-Match": tag} if tag else {})


def listed(by: Person, here: str) -> dict[str, tuple[str, str]]:
    """Role and name by external id."""
    members = by.get(f"{here}/members?per_page=100").json
    return {member["ref"]: (member["role"], member["name"]) for member in members if "ref" in member}


def person_id(site: Site, ref: str) -> str:
    ((user_id,),) = site.rows("SELECT id FROM users WHERE external_ref = :ref", ref=ref)
    return user_id


def test_a_put_of_a_member_by_external_id_creates_a_person_once(site, boss, here):
    made = put_member(boss, here, "u1")
    assert_described(site, made)
    assert made.status_code == 201
    assert {**made.json, "joined_at": ""} == {
        **{"user_id": person_id(site, "u1"), "ref": "u1", "name": "Ayesha", "role": "member", "joined_at": ""}
    }
    assert (again := put_member(boss, here, "u1")).status_code == 200
    assert again.json == made.json
    row = "SELECT email, email_key, is_admin, external_issuer FROM users WHERE external_ref = 'u1'"
    assert site.rows(row) == [("", f"~{made.json['user_id']}", False, "")]


def test_a_word_for_a_missing_value_cannot_be_the_id_of_a_user(boss, here, site):
    for mistake in ("null", "None", "[object Object]", "undefined, undefined", "-inf"):
        assert_error(put_member(boss, here, quote(mistake)), 400, "invalid_input", "userRef")
        assert_error(sync(boss, here, entry(mistake), tag=tag(boss, here)), 400, "invalid_input", "members.0.ref")
    made = [put_member(boss, here, user).status_code for user in ("0", "nullable", "null null1")]
    site.rows("UPDATE users SET external_ref = 'None' WHERE external_ref = '0'")  # as earlier versions stored it
    assert (made, boss.delete(f"{here}/members/by-ref/None").status_code) == ([201] * 3, 204)


def test_a_lowered_role_and_a_removal_are_recorded_as_revocations(site, boss, here):
    before = losses(site)
    assert put_member(boss, here, "u3", "admin").status_code == 201
    assert put_member(boss, here, "u3", "moderator").status_code == 200
    assert put_member(boss, here, "u3", "admin").status_code == 200
    assert losses(site) == before + 1
    assert boss.delete(f"{here}/members/by-ref/u3").status_code == 204, "the last admin, of a community with a ref"
    assert losses(site) == before + 2
    assert_error(boss.delete(f"{here}/members/by-ref/u3"), 404, "unknown_user")
    assert_error(boss.delete(f"{here}/members/by-ref/nobody"), 404, "unknown_user")


def test_a_list_of_members_adds_changes_and_removes_only_people_with_an_external_id(site, boss, here):
    put_member(boss, here, "s1"), put_member(boss, here, "s2", "admin"), put_member(boss, here, "s3", name="Babul")
    account = sign_up(site, "account")
    assert give(boss, here.rpartition("/")[2], account, "moderator").status_code == 201
    before, first = losses(site), tag(boss, here)
    done = sync(boss, here, entry("s2", "member"), entry("s3", name="Karim"), entry("s4", "admin"), tag=first)
    assert_described(site, done)
    assert (done.status_code, done.json) == (200, {"added": 1, "changed": 2, "removed": 1})
    assert listed(boss, here) == {"s2": ("member", "Ayesha"), "s3": ("member", "Karim"), "s4": ("admin", "Ayesha")}
    assert account.id in {member["user_id"] for member in boss.get(f"{here}/members").json}
    assert (losses(site), tag(boss, here)) == (before + 1, done.headers["ETag"])
    ((details,),) = site.rows("SELECT details FROM audit_log WHERE action = 'member.sync' ORDER BY id DESC LIMIT 1")
    assert '"removed_refs": ["s1"]' in details


def test_a_list_of_members_needs_the_current_etag(boss, here):
    """A proxy may have turned it into a weak tag."""
    first = tag(boss, here)
    assert_error(sync(boss, here, entry("t1"), tag=None), 428, "precondition_required")
    assert sync(boss, here, entry("t1"), tag=first).status_code == 200
    assert_error(sync(boss, here, tag=first), 412, "changed_meanwhile")
    assert listed(boss, here) == {"t1": ("member", "Ayesha")}
    assert sync(boss, here, tag=f'"x", {tag(boss, here)}').json == {"added": 0, "changed": 0, "removed": 1}
    assert sync(boss, here, tag=f"W/{tag(boss, here)}").status_code == 200


def test_every_slice_of_the_member_list_has_the_etag_of_the_whole_list(boss, here):
    put_member(boss, here, "w1"), put_member(boss, here, "w2")
    tags = [boss.get(f"{here}/members?per_page=1&page={n}").headers["ETag"] for n in (1, 2)]
    assert tags[0] == tags[1]
    for change in (("w2", "moderator"), ("w2", "moderator", "Karim"), ("w3",)):
        put_member(boss, here, *change)
        tags.append(tag(boss, here))
    assert len(set(tags)) == 4


def test_an_invalid_list_of_members_is_refused_and_changes_no_membership(boss, here):
    too_long = [entry(f"u{n}") for n in range(501)]
    for members in ([entry("u")] * 2, too_long, [{"ref": "u"}], [entry("by-ref")], None):
        body, current = {"members": members}, {"If-Match": tag(boss, here)}
        assert boss.put(f"{here}/members", json=body, headers=current).json["code"] == "invalid_input"
    assert listed(boss, here) == {}


@pytest.mark.both_kinds
def test_an_unknown_id_gets_no_online_count(boss, here):
    """PostgreSQL does not accept NUL."""
    ref = here.removeprefix(f"{PATH}/")
    assert boss.get(f"{PATH}/online?ids=%00,{ref},no%20ref").json == {"online": {ref: 0}}


@pytest.mark.both_kinds
def test_of_two_simultaneous_lists_of_members_the_second_is_refused(boss, here):
    first = tag(boss, here)
    lists = [[entry(f"{name}{n}") for n in range(20)] for name in "ab"]
    with ThreadPoolExecutor(2) as clients:
        answers = list(clients.map(lambda members: sync(boss, here, *members, tag=first), lists))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (won,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert set(listed(boss, here)) == {items["ref"] for items in lists[won]}


@pytest.mark.both_kinds
def test_simultaneous_puts_create_one_community_and_one_person(site, boss):
    """Applies to a community, and to a person in two communities."""
    with ThreadPoolExecutor(4) as clients:
        for n in range(5):
            calls = [partial(boss.put, f"{PATH}/by-ref/twice{n}", json={"name": "Mirpur 10"})] * 4
            made = list(clients.map(lambda call: call(), calls))
            assert sorted(answer.status_code for answer in made) == [200, 200, 200, 201]
            assert len({answer.json["id"] for answer in made}) == 1
            boss.put(f"{PATH}/by-ref/other{n}", json={"name": "Mirpur 11"})
            paths = [f"{PATH}/{name}{n}" for name in ("twice", "other")]
            put_twice = list(clients.map(put_member, [boss] * 4, paths * 2, [f"same{n}"] * 4))
            assert sorted(answer.status_code for answer in put_twice) == [200, 200, 201, 201]
            assert len({answer.json["user_id"] for answer in put_twice}) == 1


@effort(10)
@given(lists=LISTS)
def test_the_members_always_match_the_last_list_that_was_sent(boss, lists):
    """A dictionary is the model. A person has the name from the last list that named them."""
    here = f"{PATH}/model"
    boss.put(f"{PATH}/by-ref/model", json={"name": "Model"})
    model = listed(boss, here)
    for items in lists:
        now = {f"m-{ref}": value for ref, value in items.items()}
        entries = [entry(ref, *value) for ref, value in now.items()]
        done = sync(boss, here, *entries, tag=tag(boss, here)).json
        assert done == {
            "added": len(now.keys() - model.keys()),
            "changed": sum(model[ref] != now[ref] for ref in now.keys() & model.keys()),
            "removed": len(model.keys() - now.keys()),
        }
        model = listed(boss, here)
        assert model == now


def test_a_person_stays_the_same_after_an_issuer_is_set(site):
    people = site.services[AccountServices].external
    first, people.issuer = people.find_or_make({"i1": "Ayesha"})["i1"], "https://id.example"
    try:
        both = people.find_or_make({"i1": None, "i2": None})
        assert (both["i1"], both["i2"].name) == (first, "i2")
        renamed = {"i1": first, "i2": both["i2"]._replace(name="Karim")}
        assert people.find_or_make({"i1": None, "i2": "Karim"}) == renamed
    finally:
        people.issuer = ""
    assert people.find_or_make({"i2": None})["i2"].id != both["i2"].id, "another issuer's"
