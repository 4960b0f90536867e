"""An API key's secret is shown once, and a removed key is unknown at once."""

from collections.abc import Iterator

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, Person, log_in, new_admin as admin, promote, sign_up
from support.people.admins import panel
from support.people.api_keys import make
from support.people.communities import found
from support.people.page_readers import Reader, words

UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
BODY = {"name": "Grafana", "scopes": ["reports:read"]}
WRONG = (
    ({"name": " "}, "name"),
    *(({"scopes": scopes}, "scopes") for scopes in ([], ["reports:write"], "reports:read")),
    *(({"expires_at": time}, "expires_at") for time in ("tomorrow", 1, True)),
)
"""Refused fields, with the field that the error names."""

CONNECT = "/admin/connect"
PAGE = f"{CONNECT}/keys"


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        yield site


@pytest.fixture
def boss(site) -> Person:
    return admin(site)


def listed(person: Person) -> list[dict]:
    return person.get("/api/keys").json["keys"]


@pytest.mark.both_kinds
def test_secret_is_shown_once_and_not_stored(site, boss):
    created = make(boss, "reports:read")
    renewed = boss.post(f"/api/keys/{created['id']}/rotate").json["key"]
    assert renewed != created["key"]
    stored = str(site.rows("SELECT * FROM api_keys"))
    assert listed(boss) == [{name: value for name, value in created.items() if name != "key"}]
    for secret in (created["key"], renewed):
        assert secret.rpartition("_")[2] not in stored


@pytest.mark.both_kinds
def test_removed_key_is_unknown_to_all_servers_at_once(site, boss, database):
    where = f"/api/keys/{make(boss, 'reports:read')['id']}"
    with Site(database.url) as other:
        there = log_in(other, "rani")
        assert boss.delete(where).status_code == 204
        for person in (boss, there):
            assert_error(person.delete(where), 404, "unknown_key")
            assert_error(person.post(f"{where}/rotate"), 404, "unknown_key")
    assert listed(boss) == []
    assert_error(boss.delete(f"/api/keys/{UNKNOWN}"), 404, "unknown_key")


def test_admin_of_a_community_is_refused_before_the_input_is_read(site, boss):
    founder = sign_up(site, "founder")
    of_community = {"community": found(founder)["id"]}
    where = f"/api/keys/{make(boss, 'reports:read', **of_community)['id']}"
    calls = [founder.post("/api/keys", json={**BODY, **of_community}), founder.post("/api/keys", json={})]
    calls += [founder.get("/api/keys"), founder.post(f"{where}/rotate")]
    calls += [founder.delete(where), founder.delete(f"/api/keys/{UNKNOWN}")]
    for response in calls:
        assert_error(response, 403, "forbidden")
    assert len(listed(boss)) == 1


def test_wrong_field_is_named_by_the_call_and_in_the_form(site, boss):
    reader = panel(site, "karim")
    for fields, wrong in WRONG:
        assert_error(boss.post("/api/keys", json={**BODY, **fields}), 400, "invalid_input", wrong)
        if wrong != "expires_at" and fields != {"scopes": "reports:read"}:  # forms have a day, and boxes
            assert f'id="{wrong}-error"' in reader.send(f"{PAGE}/new", 422, **{**BODY, **fields})
    assert listed(boss) == []


def test_changes_are_audited_without_secrets(site, boss):
    created = make(boss, "reports:read")
    renewed = boss.post(f"/api/keys/{created['id']}/rotate").json
    boss.delete(f"/api/keys/{created['id']}")
    lines = site.rows("SELECT actor, action, target, target_id, details FROM audit_log WHERE target_kind = 'key'")
    assert [line[:4] for line in lines] == [
        ("Rani", f"key.{action}", created["name"], created["id"]) for action in ("create", "rotate", "revoke")
    ]
    for secret in (created["key"], renewed["key"]):
        assert secret not in str(lines)


def test_maximum_is_refused_until_a_key_is_removed(boss, monkeypatch):
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    first = make(boss, "reports:read")
    assert_error(boss.post("/api/keys", json=BODY), 409, "too_many_keys")
    boss.delete(f"/api/keys/{first['id']}")
    make(boss, "reports:read")


@pytest.mark.both_kinds
def test_maker_is_named_until_the_account_is_deleted(site, boss):
    maker, reader = sign_up(site, "karim"), Reader(site).log_in("rani")
    promote(site, maker.email)
    assert make(maker, "reports:read")["created_by"] == {"id": maker.id, "name": "Karim"}
    assert "Made by Karim, " in words(reader.get(CONNECT))
    assert maker.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
    assert [key["created_by"] for key in listed(boss)] == [None]
    assert "Made by" not in words(reader.get(CONNECT))
