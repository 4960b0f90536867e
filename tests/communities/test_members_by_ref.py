"""Members that another system adds under its own ids, one by one or as a whole list."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import Person, sign_up
from support.people.communities import PATH, give, losses
from support.runs.fuzz_effort import effort

from koyjabo.people.accounts.services import AccountServices

numbers = count(1)


@pytest.fixture
def here(boss) -> str:
    """The path of a new community with an external id."""
    ref = f"c{next(numbers)}"
    assert boss.put(f"{PATH}/by-ref/{ref}", json={"name": "Mirpur 10"}).status_code == 201
    return f"{PATH}/{ref}"


def put(by: Person, here: str, ref: str, role: str = "member", name: str = "Ayesha"):
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


def test_put_by_ref_creates_a_person_once(site, boss, here):
    made = put(boss, here, "u1")
    assert_described(site, made)
    assert made.status_code == 201
    assert {**made.json, "joined_at": ""} == {
        **{"user_id": person_id(site, "u1"), "ref": "u1", "name": "Ayesha", "role": "member", "joined_at": ""}
    }
    assert (again := put(boss, here, "u1")).status_code == 200
    assert again.json == made.json
    row = "SELECT email, email_key, is_admin, external_issuer FROM users WHERE external_ref = 'u1'"
    assert site.rows(row) == [("", f"~{made.json['user_id']}", False, "")]


def test_new_name_applies_in_every_community(boss, here):
    put(boss, here, "u2", name="Ayesha")
    boss.put(f"{PATH}/by-ref/elsewhere", json={"name": "Elsewhere"})
    assert put(boss, f"{PATH}/elsewhere", "u2", name="Ayesha Rahman").status_code == 201
    assert listed(boss, here) == {"u2": ("member", "Ayesha Rahman")}


def test_lowered_role_and_removal_are_recorded_as_revocations(site, boss, here):
    before = losses(site)
    assert put(boss, here, "u3", "admin").status_code == 201
    assert put(boss, here, "u3", "moderator").status_code == 200
    assert put(boss, here, "u3", "admin").status_code == 200
    assert losses(site) == before + 1
    assert boss.delete(f"{here}/members/by-ref/u3").status_code == 204, "the last admin, of a community with a ref"
    assert losses(site) == before + 2
    assert_error(boss.delete(f"{here}/members/by-ref/u3"), 404, "unknown_user")
    assert_error(boss.delete(f"{here}/members/by-ref/nobody"), 404, "unknown_user")


def test_sync_adds_changes_and_removes_only_people_with_a_ref(site, boss, here):
    put(boss, here, "s1"), put(boss, here, "s2", "admin"), put(boss, here, "s3", name="Babul")
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


def test_sync_needs_the_current_tag(boss, here):
    """A proxy may have turned it into a weak tag."""
    first = tag(boss, here)
    assert_error(sync(boss, here, entry("t1"), tag=None), 428, "precondition_required")
    assert sync(boss, here, entry("t1"), tag=first).status_code == 200
    assert_error(sync(boss, here, tag=first), 412, "changed_meanwhile")
    assert listed(boss, here) == {"t1": ("member", "Ayesha")}
    assert sync(boss, here, tag=f'"x", {tag(boss, here)}').json == {"added": 0, "changed": 0, "removed": 1}
    assert sync(boss, here, tag=f"W/{tag(boss, here)}").status_code == 200


def test_every_page_of_the_list_has_the_same_tag(boss, here):
    put(boss, here, "w1"), put(boss, here, "w2")
    tags = [boss.get(f"{here}/members?per_page=1&page={n}").headers["ETag"] for n in (1, 2)]
    assert tags[0] == tags[1]
    for change in (("w2", "moderator"), ("w2", "moderator", "Karim"), ("w3",)):
        put(boss, here, *change)
        tags.append(tag(boss, here))
    assert len(set(tags)) == 4


@pytest.mark.parametrize(
    "members", [[entry("u")] * 2, [entry(f"u{n}") for n in range(501)], [{"ref": "u"}], [entry("by-ref")], {}, None]
)
def test_invalid_list_changes_nothing(boss, here, members):
    body = {"members": members}
    answer = boss.put(f"{here}/members", json=body, headers={"If-Match": tag(boss, here)})
    assert answer.status_code in (400, 413), answer.text
    assert listed(boss, here) == {}


@pytest.mark.both_kinds
def test_unknown_id_has_no_online_count(boss, here):
    """PostgreSQL does not accept NUL."""
    ref = here.removeprefix(f"{PATH}/")
    assert boss.get(f"{PATH}/online?ids=%00,{ref},no%20ref").json == {"online": {ref: 0}}


@pytest.mark.both_kinds
def test_one_of_two_simultaneous_syncs_is_refused(boss, here):
    first = tag(boss, here)
    lists = [[entry(f"{name}{n}") for n in range(20)] for name in "ab"]
    with ThreadPoolExecutor(2) as clients:
        answers = list(clients.map(lambda members: sync(boss, here, *members, tag=first), lists))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (won,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert set(listed(boss, here)) == {items["ref"] for items in lists[won]}


@pytest.mark.both_kinds
def test_two_simultaneous_puts_create_one_person(site, boss):
    """Applies to a community, and to a person in two communities."""
    with ThreadPoolExecutor(4) as clients:
        for n in range(5):
            calls = [partial(boss.put, f"{PATH}/by-ref/twice{n}", json={"name": "Mirpur 10"})] * 4
            made = list(clients.map(lambda call: call(), calls))
            assert sorted(answer.status_code for answer in made) == [200, 200, 200, 201]
            assert len({answer.json["id"] for answer in made}) == 1
            boss.put(f"{PATH}/by-ref/other{n}", json={"name": "Mirpur 11"})
            paths = [f"{PATH}/{name}{n}" for name in ("twice", "other")]
            put_twice = list(clients.map(put, [boss] * 4, paths * 2, [f"same{n}"] * 4))
            assert sorted(answer.status_code for answer in put_twice) == [200, 200, 201, 201]
            assert len({answer.json["user_id"] for answer in put_twice}) == 1


LISTS = st.lists(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.sampled_from(("member", "moderator", "admin")), st.sampled_from("XYZ"))
    ),
    min_size=1,
    max_size=4,
)


@effort(10)
@given(lists=LISTS)
def test_members_match_the_last_synced_list(boss, lists):
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


def test_person_stays_the_same_after_an_issuer_is_set(site):
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
