"""API keys: who creates them, when they are valid, what is stored about them, and the operator's commands and pages."""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Barrier
from typing import Any

import pytest
from support.application.commands import koyjabo
from support.application.site import Site, assert_error, site_fixture
from support.databases.at_once import hold_for_two
from support.people.accounts import PASSWORD, Person, bare, log_in, new_admin as admin, promote, sign_up
from support.people.admins import panel
from support.people.api_keys import PATH, call, key, make
from support.people.communities import found
from support.people.page_readers import Reader, words
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.identity import OPERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.integrations.api_keys.api_keys import KEY_SCOPES, MAX_API_KEYS, ApiKeys, RotatedMeanwhile
from koyjabo.integrations.api_keys.key_text import is_key
from koyjabo.integrations.api_keys.models import ApiKey

SUMMARY = "/api/reports/summary"
FIELDS = ["id", "name", "scopes", "community", "prefix", "created_at", "expires_at", "last_used_at"]
FIELDS += ["created_by"]
BODY = {"name": "Grafana", "scopes": ["reports:read"]}

UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


site = site_fixture()

CONNECT = "/admin/connect"
PAGE = f"{CONNECT}/keys"


@pytest.fixture
def boss(site) -> Person:
    return admin(site)


def listed(person: Person) -> list[dict]:
    return person.get(PATH).json["keys"]


def status(site: Site, text: str) -> int:
    return call(site, text, SUMMARY).status_code


def code(site: Site, text: str) -> str:
    return call(site, text, SUMMARY).json["code"]


def test_a_key_is_shown_once_and_stored_as_a_digest(site, boss):
    made = make(boss, "stats:read", "reports:read", expires_at=iso(site.time() + 1000))
    assert list(made) == [*FIELDS, "key"]
    assert re.fullmatch("kj_[0-9a-f]{8}_[0-9A-Za-z]{49}", made["key"])
    assert made["key"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["community"]) == ("Grafana", ["reports:read", "stats:read"], None)
    assert made["key"][12:] not in str(site.rows("SELECT * FROM api_keys"))


def test_a_key_is_valid_until_it_expires(site, boss):
    text = key(boss, "reports:read", expires_at=site.time() + 1000)
    site.time.pass_(milliseconds=999)
    assert status(site, text) == 200
    site.time.pass_(milliseconds=1)
    assert code(site, text) == "key_expired"


@pytest.mark.both_kinds
def test_every_worker_refuses_a_revoked_key_at_once(site, boss, database):
    """Other workers refuse it even without a notification."""
    made = make(boss, "reports:read")
    with Site(database.url) as other:
        assert [status(server, made["key"]) for server in (site, other)] == [200, 200]
        assert boss.delete(f"{PATH}/{made['id']}").status_code == 204
        assert [code(server, made["key"]) for server in (site, other)] == ["invalid_key"] * 2
        for person in (boss, log_in(other, "rani")):
            assert_error(person.delete(f"{PATH}/{made['id']}"), 404, "unknown_key")
            assert_error(person.post(f"{PATH}/{made['id']}/rotate"), 404, "unknown_key")


def test_the_secret_before_a_rotation_is_valid_for_its_grace_period(site, boss):
    made = make(boss, "reports:read")
    second = boss.post(f"{PATH}/{made['id']}/rotate", json={"grace_s": 10}).json
    assert (second["id"], second["prefix"], second["scopes"]) == (made["id"], made["prefix"], made["scopes"])
    assert second["key"] != made["key"]
    assert [status(site, key["key"]) for key in (made, second)] == [200, 200]
    site.time.pass_(seconds=10)
    assert [status(site, key["key"]) for key in (made, second)] == [401, 200]
    third = boss.post(f"{PATH}/{made['id']}/rotate").json
    assert [status(site, key["key"]) for key in (made, second, third)] == [401, 401, 200]
    assert_error(boss.post(f"{PATH}/{made['id']}/rotate", json={"grace_s": 86_401}), 400, "invalid_input", "grace_s")


@pytest.mark.both_kinds
def test_the_second_of_two_rotations_at_the_same_time_is_refused(site, boss, database, monkeypatch):
    """Both have read the key before either replaces its secret."""
    made, both_have_read, find = make(boss, "reports:read"), Barrier(2), ApiKeys.find

    def find_with_the_other(self: ApiKeys, *arguments: Any) -> ApiKey:
        key = find(self, *arguments)
        both_have_read.wait(timeout=30)
        return key

    def rotate(worker: Site) -> str | type[KoyJaboError]:
        try:
            return worker.services[ApiKeys].rotate(OPERATOR, made["id"], grace_s=60)[1]
        except KoyJaboError as error:
            return type(error)

    monkeypatch.setattr(ApiKeys, "find", find_with_the_other)
    with Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        refusal, text = sorted(threads.map(rotate, (site, other)), key=lambda outcome: isinstance(outcome, str))
    assert refusal is RotatedMeanwhile
    assert [status(site, key) for key in (made["key"], text)] == [200, 200]
    monkeypatch.undo()
    assert boss.post(f"{PATH}/{made['id']}/rotate").status_code == 200


@pytest.mark.both_kinds
def test_a_key_that_is_revoked_during_its_rotation_is_invalid_afterwards(site, boss, database):
    made = make(boss, "reports:read")
    with (
        Site(database.url) as other,
        ThreadPoolExecutor(1) as thread,
        hold_for_two(database, "UPDATE api_keys") as rotates,
    ):
        rotation = thread.submit(site.services[ApiKeys].rotate, OPERATOR, made["id"], grace_s=60)
        assert rotates.wait(PATIENCE_S)
        other.services[ApiKeys].revoke(OPERATOR, made["id"])
        _, text = rotation.result()
    assert [code(site, key) for key in (made["key"], text)] == ["invalid_key"] * 2


def test_the_checksum_of_a_key_follows_the_specification():
    assert is_key("kj_00000000_" + "0" * 43 + "3NhPmf")
    assert not is_key("kj_00000000_" + "0" * 43 + "3NhPma")


def test_a_key_of_a_community_has_only_scopes_that_read(site, boss):
    body = {"name": "App", "scopes": ["stats:read"], "community": found(sign_up(site, "founder"))["id"]}
    assert make(boss, "stats:read", community=body["community"])["community"] == body["community"]
    assert_error(boss.post(PATH, json={**body, "community": UNKNOWN}), 404, "unknown_community")
    wider = {**body, "scopes": ["stats:read", "visits:write"]}
    assert_error(boss.post(PATH, json=wider), 400, "invalid_input", "scopes")


def test_the_limit_of_a_hundred_keys_ignores_expired_keys_and_revoked_keys(site, boss, monkeypatch):
    assert MAX_API_KEYS == 100
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    make(boss, "stats:read", expires_at=site.time() + 1)
    body = {"name": "Second", "scopes": ["stats:read"]}
    assert_error(boss.post(PATH, json=body), 409, "too_many_keys")
    site.time.pass_(milliseconds=1)
    second = boss.post(PATH, json=body)
    assert second.status_code == 201
    assert_error(boss.post(PATH, json=body), 409, "too_many_keys")
    assert boss.delete(f"{PATH}/{second.json['id']}").status_code == 204
    assert boss.post(PATH, json=body).status_code == 201


def test_the_last_use_of_a_key_is_written_later_and_not_by_the_call(site, boss):
    text = key(boss, "reports:read")
    assert status(site, text) == 200
    (before,) = boss.get(PATH).json["keys"]
    site.services[ApiKeys].write_uses()
    (after,) = boss.get(PATH).json["keys"]
    assert (before["last_used_at"], after["last_used_at"]) == (None, iso(site.time()))


def test_a_key_is_refused_in_an_address_and_in_a_cookie(site, boss):
    text = key(boss, *KEY_SCOPES)
    in_address = bare(site).get(f"{SUMMARY}?token={text}")
    in_cookie = bare(site).get(SUMMARY, headers={"Cookie": f"access_token_cookie={text}"})
    in_stream = bare(site).get(f"/api/communities/{UNKNOWN}/stream?token={text}")
    for answer in (in_address, in_cookie, in_stream):
        assert_error(answer, 401, "invalid_key")
        assert "Authorization: Bearer" in answer.json["error"]
    assert_error(call(site, text, "/api/auth/refresh", "POST"), 403, "forbidden")
    assert_error(call(site, text, "/api/auth/logout", "POST"), 403, "forbidden")


def test_each_key_has_its_own_rate_limit(database):
    with Site(database.url, RATE_LIMIT_KEYS="3") as site:
        boss = admin(site)
        first, second = key(boss, "reports:read"), key(boss, "reports:read")
        assert [status(site, first) for _ in range(3)] == [200] * 3
        refused = call(site, first, SUMMARY)
        assert_error(refused, 429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert status(site, second) == 200


def test_a_key_is_deleted_with_its_community_and_invalid_while_that_is_archived(site, boss):
    founder = sign_up(site, "founder")
    community = found(founder)["id"]
    text, path = key(boss, "stats:read", community=community), f"/api/communities/{community}/stats"
    directory = site.services[CommunityServices].directory
    assert call(site, text, path).status_code == 200
    directory.archive(OPERATOR, community)
    assert_error(call(site, text, path), 403, "forbidden")
    directory.restore(OPERATOR, community)
    assert call(site, text, path).status_code == 200
    assert founder.delete(f"/api/communities/{community}").status_code == 204
    assert_error(call(site, text, path), 401, "invalid_key")
    assert boss.get(PATH).json == {"keys": []}


def test_an_admin_of_a_community_is_refused_before_the_input_is_read(site, boss):
    founder = sign_up(site, "founder")
    of_community = {"community": found(founder)["id"]}
    where = f"/api/keys/{make(boss, 'reports:read', **of_community)['id']}"
    calls = [founder.post("/api/keys", json={**BODY, **of_community}), founder.post("/api/keys", json={})]
    calls += [founder.get("/api/keys"), founder.post(f"{where}/rotate")]
    calls += [founder.delete(where), founder.delete(f"/api/keys/{UNKNOWN}")]
    for response in calls:
        assert_error(response, 403, "forbidden")
    assert len(listed(boss)) == 1


def test_the_audit_log_has_each_change_of_a_key_without_its_secret(site, boss):
    created = make(boss, "reports:read")
    renewed = boss.post(f"/api/keys/{created['id']}/rotate").json
    boss.delete(f"/api/keys/{created['id']}")
    lines = site.rows("SELECT actor, action, target, target_id, details FROM audit_log WHERE target_kind = 'key'")
    assert [line[:4] for line in lines] == [
        ("Rani", f"key.{action}", created["name"], created["id"]) for action in ("create", "rotate", "revoke")
    ]
    for secret in (created["key"], renewed["key"]):
        assert secret not in str(lines)


def test_a_key_names_its_creator_until_the_account_is_deleted(site, boss):
    maker, reader = sign_up(site, "karim"), Reader(site).log_in("rani")
    promote(site, maker.email)
    assert make(maker, "reports:read")["created_by"] == {"id": maker.id, "name": "Karim"}
    assert "Made by Karim, " in words(reader.get("/admin/connect"))
    assert maker.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
    assert [key["created_by"] for key in listed(boss)] == [None]
    assert "Made by" not in words(reader.get("/admin/connect"))


def test_an_operator_makes_lists_and_revokes_a_key(site, database):
    def run(*arguments: str) -> str:
        done = koyjabo("key", *arguments, DATABASE_URL=database.url)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    text = run("create", "Grafana", "--scope", "reports:read", "--expires", "2099-12-31T18:00:00Z")
    assert status(site, text) == 200
    key_id, prefix, *columns = run("list").split()
    assert text.startswith(prefix)
    assert {"reports:read", "2099-12-31T18:00:00.000Z", "Grafana"} <= set(columns)
    run("revoke", key_id)
    assert code(site, text) == "invalid_key"
    assert run("list") == ""
    assert koyjabo("key", "revoke", key_id, DATABASE_URL=database.url).exit_code == 1


@pytest.fixture
def rani(site) -> Reader:
    return panel(site)


def key_in(page: str) -> str:
    return unescape(page.partition('data-copy="')[2].partition('"')[0])


def test_a_site_admin_creates_rotates_and_revokes_a_key_that_is_shown_once(site, rani):
    made = rani.send(
        f"{PAGE}/new", 200, password=PASSWORD, name="Grafana <b>", scopes="reports:read", until="2025-12-31"
    )
    text = key_in(made)
    assert call(site, text, SUMMARY).status_code == 200
    listed = rani.get(CONNECT)
    assert text not in listed
    for detail in ("Grafana <b>", f"{text[:11]}_…", "Read reports", "Valid until", "Never used"):
        assert detail in words(listed)
    ((key_id,),) = site.rows("SELECT id FROM api_keys")
    where = f"{PAGE}/{key_id}"
    assert "Rotate the key Grafana <b>" in words(rani.get(f"{where}/rotate"))
    second = key_in(rani.send(f"{where}/rotate", 200, grace_s="0"))
    assert [call(site, key, SUMMARY).status_code for key in (text, second)] == [401, 200]
    rani.confirm(f"{where}/revoke")
    assert "The key Grafana <b> was revoked." in words(rani.get(CONNECT))
    assert call(site, second, SUMMARY).status_code == 401
    log = words(rani.get("/admin/audit"))
    for action in ("Key created", "Key rotated", "Key revoked"):
        assert f"{action} Key: Grafana <b> Rani" in log


def test_the_only_primary_button_next_to_a_new_key_copies_it(rani):
    made = rani.send(f"{PAGE}/new", 200, password=PASSWORD, name="Grafana", scopes="reports:read")
    assert re.findall(r'class="(?:button )?primary"[^>]*', made) == [
        f'class="primary" data-copy="{key_in(made)}" data-copied="Copied" hidden'
    ]


def test_a_preset_replaces_the_chosen_scopes(site, rani):
    assert 'value="count" checked' in rani.get(f"{PAGE}/new?preset=count")
    rani.send(f"{PAGE}/new", 200, password=PASSWORD, name="Counter", preset="count", scopes="reports:read")
    assert site.rows("SELECT scopes FROM api_keys WHERE name = 'Counter'") == [("visits:write",)]


def test_a_proof_is_needed_to_make_or_rotate_a_key_with_a_session_cookie(site, boss):
    rani = Reader(site).log_in("rani")
    body = {"name": "Grafana", "scopes": ["reports:read"]}
    made = boss.post(PATH, json=body).json["id"]
    pages = {f"{PAGE}/new": {**body, "scopes": "reports:read"}, f"{PAGE}/{made}/rotate": {"grace_s": "0"}}
    for path, fields in pages.items():
        for typed in ({}, {"password": "wrong-horse"}):
            assert 'id="password-error"' in rani.send(path, 422, **fields, **typed)

    def codes() -> list[str | None]:
        calls = {PATH: body, f"{PATH}/{made}/rotate": {}}
        headers = {"X-CSRF-TOKEN": rani.csrf}
        return [rani.client.post(path, json=sent, headers=headers).json.get("code") for path, sent in calls.items()]

    assert codes() == ["proof_required"] * 2
    assert site.rows("SELECT count(*) FROM api_keys") == [(1,)]
    assert key_in(rani.send(f"{PAGE}/{made}/rotate", 200, grace_s="0", password=PASSWORD))
    assert codes() == [None] * 2
