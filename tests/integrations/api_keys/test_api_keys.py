"""API keys: who creates them, when they are valid, what is stored about them, and the operator's commands."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from support.application.site import Site, assert_error
from support.people.accounts import Person, bare, new_admin as admin, sign_up
from support.people.api_keys import PATH, call, key, make
from support.people.communities import found
from support.programs.patience import PATIENCE_S
from support.servers.server import Server

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.identity import OPERATOR
from koyjabo.communities.services import CommunityServices
from koyjabo.integrations.api_keys.api_keys import KEY_SCOPES, MAX_API_KEYS, ApiKeys, RotatedMeanwhile
from koyjabo.integrations.api_keys.key_text import is_key, new_text
from koyjabo.integrations.api_keys.models import ApiKey

SUMMARY = "/api/reports/summary"
FIELDS = ["id", "name", "scopes", "community", "prefix", "created_at", "expires_at", "last_used_at"]
FIELDS += ["created_by"]
UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


@pytest.fixture
def boss(site) -> Person:
    return admin(site)


def status(site: Site, text: str) -> int:
    return call(site, text, SUMMARY).status_code


def code(site: Site, text: str) -> str:
    return call(site, text, SUMMARY).json["code"]


def test_key_is_shown_once_and_stored_as_a_digest(site, boss):
    made = make(boss, "stats:read", "reports:read", expires_at=iso(site.time() + 1000))
    assert list(made) == [*FIELDS, "key"]
    assert re.fullmatch("kj_[0-9a-f]{8}_[0-9A-Za-z]{49}", made["key"])
    assert made["key"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["community"]) == ("Grafana", ["reports:read", "stats:read"], None)
    assert made["key"][12:] not in str(site.rows("SELECT * FROM api_keys"))


def test_key_is_described_as_it_is_sent(site, boss):
    schemas = boss.get("/openapi.json").json["components"]["schemas"]
    assert schemas["NewKeyResponse"]["required"] == list(make(boss, "stats:read"))
    assert schemas["KeyResponse"]["required"] == list(boss.get(PATH).json["keys"][0])


def test_key_is_good_until_it_expires(site, boss):
    text = key(boss, "reports:read", expires_at=site.time() + 1000)
    site.time.pass_(milliseconds=999)
    assert status(site, text) == 200
    site.time.pass_(milliseconds=1)
    assert code(site, text) == "key_expired"


@pytest.mark.both_kinds
def test_revoked_key_is_refused_at_once(site, boss, database):
    """Other workers refuse it even without a notification."""
    made = make(boss, "reports:read")
    with Site(database.url) as other:
        assert [status(server, made["key"]) for server in (site, other)] == [200, 200]
        assert boss.delete(f"{PATH}/{made['id']}").status_code == 204
        assert [code(server, made["key"]) for server in (site, other)] == ["invalid_key"] * 2


@pytest.mark.both_kinds
def test_secret_before_a_rotation_is_good_for_its_grace(site, boss):
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
def test_of_two_rotations_at_once_one_is_refused(site, boss, database, monkeypatch):
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


def test_mistyped_key_costs_no_query(site, boss, monkeypatch):
    text = key(boss, "reports:read")
    wrong = text[:20] + ("a" if text[20] != "a" else "b") + text[21:]
    asked = []
    monkeypatch.setattr("koyjabo.integrations.api_keys.queries.by_digest", lambda session, digest: asked.append(digest))
    assert [code(site, bad_key) for bad_key in (wrong, text[:-1], text + "0", "kj_")] == ["invalid_key"] * 4
    assert asked == []
    assert code(site, new_text(UNKNOWN)) == "invalid_key"
    assert len(asked) == 1


def test_checksum_follows_the_specification():
    assert is_key("kj_00000000_" + "0" * 43 + "3NhPmf")
    assert not is_key("kj_00000000_" + "0" * 43 + "3NhPma")


def test_key_of_a_community_may_only_read_it(site, boss):
    body = {"name": "App", "scopes": ["stats:read"], "community": found(sign_up(site, "founder"))["id"]}
    assert make(boss, "stats:read", community=body["community"])["community"] == body["community"]
    assert_error(boss.post(PATH, json={**body, "community": UNKNOWN}), 404, "unknown_community")
    wider = {**body, "scopes": ["stats:read", "visits:write"]}
    assert_error(boss.post(PATH, json=wider), 400, "invalid_input", "scopes")


def test_expired_keys_do_not_count_as_one_of_a_hundred(site, boss, monkeypatch):
    assert MAX_API_KEYS == 100
    monkeypatch.setattr("koyjabo.integrations.api_keys.api_keys.MAX_API_KEYS", 1)
    make(boss, "stats:read", expires_at=site.time() + 1)
    body = {"name": "Second", "scopes": ["stats:read"]}
    assert_error(boss.post(PATH, json=body), 409, "too_many_keys")
    site.time.pass_(milliseconds=1)
    assert boss.post(PATH, json=body).status_code == 201


@pytest.mark.both_kinds
def test_last_use_is_written_by_the_next_write_and_not_by_the_call(site, boss):
    text = key(boss, "reports:read")
    assert status(site, text) == 200
    (before,) = boss.get(PATH).json["keys"]
    site.services[ApiKeys].write_uses()
    (after,) = boss.get(PATH).json["keys"]
    assert (before["last_used_at"], after["last_used_at"]) == (None, iso(site.time()))


def test_key_is_refused_wherever_it_could_be_seen(site, boss):
    text = key(boss, *KEY_SCOPES)
    in_address = bare(site).get(f"{SUMMARY}?token={text}")
    in_cookie = bare(site).get(SUMMARY, headers={"Cookie": f"access_token_cookie={text}"})
    in_stream = bare(site).get(f"/api/communities/{UNKNOWN}/stream?token={text}")
    for answer in (in_address, in_cookie, in_stream):
        assert_error(answer, 401, "invalid_key")
        assert "Authorization: Bearer" in answer.json["error"]
    assert_error(call(site, text, "/api/auth/refresh", "POST"), 403, "forbidden")
    assert_error(call(site, text, "/api/auth/logout", "POST"), 403, "forbidden")


def test_keys_have_separate_limits(database):
    with Site(database.url, RATE_LIMIT_KEYS="3") as site:
        boss = admin(site)
        first, second = key(boss, "reports:read"), key(boss, "reports:read")
        assert [status(site, first) for _ in range(3)] == [200] * 3
        refused = call(site, first, SUMMARY)
        assert_error(refused, 429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert status(site, second) == 200


@pytest.mark.both_kinds
def test_key_ends_with_its_community_and_rests_with_an_archived_one(site, boss):
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


@pytest.fixture(scope="module")
def server(module_sqlite_database, module_servers) -> Server:
    return module_servers(module_sqlite_database).start()


def status_at(server: Server, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(
        f"http://localhost:{server.port}/api/reports/summary", headers=headers, timeout=PATIENCE_S
    ).status_code


@pytest.mark.long(proved_by="integrations/api_keys/test_api_keys.py::test_revoked_key_is_refused_at_once")
def test_operator_makes_lists_and_revokes_a_key_while_the_server_runs(server):
    made = server.koyjabo("key", "create", "Grafana", "--scope", "reports:read", "--expires", "2099-12-31T18:00:00Z")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert status_at(server, key) == 200
    (line,) = server.koyjabo("key", "list").stdout.splitlines()
    key_id, prefix, *_columns = line.split()
    assert key.startswith(prefix)
    assert "reports:read  site  until 2099-12-31T18:00:00.000Z" in line
    assert line.endswith("Grafana")
    assert server.koyjabo("key", "revoke", key_id).stdout == f"Revoked {prefix}_… of Grafana.\n"
    assert status_at(server, key) == 401
    assert server.koyjabo("key", "list").stdout == ""
    again = server.koyjabo("key", "revoke", key_id)
    assert (again.returncode, "Key not found" in again.stderr) == (1, True)
