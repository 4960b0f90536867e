"""Rules for everything whose secret is shown once: API keys and webhooks. Each test runs for all KINDS."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, Person, log_in, promote, sign_up
from support.people.admins import panel
from support.people.api_keys import boss as admin
from support.people.communities import found
from support.people.page_readers import Reader, words

UNKNOWN = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"
SCOPES = tuple(({"scopes": scopes}, "scopes") for scopes in ([], ["reports:write"], "reports:read"))
TIMES = tuple(({"expires_at": time}, "expires_at") for time in ("tomorrow", 1, True))


CONNECT = "/admin/connect"


@dataclass(frozen=True)
class Kind:
    name: str  # in the audit log, in error codes and, with an s, in paths
    body: dict[str, Any]
    secret: str  # the field that is shown once
    limit: str  # the constant with the maximum
    subject: str  # in the audit log
    end: str  # the last action in the audit log, and its page
    wrong: tuple[tuple[dict[str, Any], str], ...]  # refused fields, with the field that the error names

    @property
    def path(self) -> str:
        return f"/api/{self.name}s"

    @property
    def page(self) -> str:
        return f"/admin/connect/{self.name}s"

    def make(self, person: Person, **fields: str) -> dict[str, Any]:
        response = person.post(self.path, json={**self.body, **fields})
        assert response.status_code == 201, response.text
        return response.json

    def list(self, person: Person) -> list[dict[str, Any]]:
        return person.get(self.path).json[f"{self.name}s"]


KINDS = (
    Kind(
        name="key",
        body={"name": "Grafana", "scopes": ["reports:read"]},
        secret="key",
        limit="koyjabo.integrations.api_keys.api_keys.MAX_KEYS",
        subject="Grafana",
        end="revoke",
        wrong=(({"name": " "}, "name"), *SCOPES, *TIMES),
    ),
    Kind(
        name="webhook",
        body={"url": "https://93.184.215.14/a-token", "events": ["member.joined"]},
        secret="secret",
        limit="koyjabo.integrations.webhooks.webhooks.MAX_WEBHOOKS",
        subject="93.184.215.14",
        end="delete",
        wrong=(({"events": []}, "events"), ({"events": ["no.such"]}, "events"), ({"format": "fax"}, "format")),
    ),
)


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        yield site


@pytest.fixture
def boss(site) -> Person:
    return admin(site)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request) -> Kind:
    return request.param


@pytest.mark.both_kinds
def test_secret_is_shown_once_and_not_stored(site, boss, kind):
    created = kind.make(boss)
    renewed = boss.post(f"{kind.path}/{created['id']}/rotate").json[kind.secret]
    assert renewed != created[kind.secret]
    stored = str(site.rows(f"SELECT * FROM {'api_keys' if kind.name == 'key' else 'webhooks'}"))
    listed = kind.list(boss)
    assert listed == [{name: value for name, value in created.items() if name != kind.secret}]
    for secret in (created[kind.secret], renewed):
        assert secret.rpartition("_")[2] not in stored


@pytest.mark.both_kinds
def test_removed_one_is_unknown_to_all_servers_at_once(site, boss, kind, database):
    where, code = f"{kind.path}/{kind.make(boss)['id']}", f"unknown_{kind.name}"
    with Site(database.url) as other:
        there = log_in(other, "rani")
        assert boss.delete(where).status_code == 204
        for person in (boss, there):
            assert_error(person.delete(where), 404, code)
            assert_error(person.post(f"{where}/rotate"), 404, code)
    assert kind.list(boss) == []
    assert_error(boss.delete(f"{kind.path}/{UNKNOWN}"), 404, code)


def test_admin_of_a_community_is_refused_before_the_input_is_read(site, boss, kind):
    founder = sign_up(site, "founder")
    of_community = {"community": found(founder)["id"]}
    where = f"{kind.path}/{kind.make(boss, **of_community)['id']}"
    calls = [founder.post(kind.path, json={**kind.body, **of_community}), founder.post(kind.path, json={})]
    calls += [founder.get(kind.path), founder.post(f"{where}/rotate")]
    calls += [founder.delete(where), founder.delete(f"{kind.path}/{UNKNOWN}")]
    for response in calls:
        assert_error(response, 403, "forbidden")
    assert len(kind.list(boss)) == 1


def test_wrong_field_is_named_by_the_call_and_in_the_form(site, boss, kind):
    reader = panel(site, "karim")
    for fields, wrong in kind.wrong:
        assert_error(boss.post(kind.path, json={**kind.body, **fields}), 400, "invalid_input", wrong)
        if wrong != "expires_at" and fields != {"scopes": "reports:read"}:  # forms have a day, and boxes
            assert f'id="{wrong}-error"' in reader.send(f"{kind.page}/new", 422, **{**kind.body, **fields})
    assert kind.list(boss) == []


def test_changes_are_audited_without_secrets(site, boss, kind):
    created = kind.make(boss)
    renewed = boss.post(f"{kind.path}/{created['id']}/rotate").json
    boss.delete(f"{kind.path}/{created['id']}")
    lines = site.rows(
        "SELECT actor, action, target, target_id, details FROM audit_log WHERE target_kind = :kind", kind=kind.name
    )
    assert [line[:4] for line in lines] == [
        ("Rani", f"{kind.name}.{action}", kind.subject, created["id"]) for action in ("create", "rotate", kind.end)
    ]
    for secret in (created[kind.secret], renewed[kind.secret], "a-token"):
        assert secret not in str(lines)


def test_maximum_is_refused_until_one_is_removed(boss, kind, monkeypatch):
    monkeypatch.setattr(kind.limit, 1)
    first = kind.make(boss)
    assert_error(boss.post(kind.path, json=kind.body), 409, f"too_many_{kind.name}s")
    boss.delete(f"{kind.path}/{first['id']}")
    kind.make(boss)


@pytest.mark.both_kinds
def test_maker_is_named_until_the_account_is_deleted(site, boss, kind):
    maker, reader = sign_up(site, "karim"), Reader(site).log_in("rani")
    promote(site, maker.email)
    made = kind.make(maker)
    page = CONNECT if kind.name == "key" else f"{kind.page}/{made['id']}"
    assert made["created_by"] == {"id": maker.id, "name": "Karim"}
    assert "Made by Karim, " in words(reader.get(page))
    assert maker.delete("/api/auth/me", json={"password": PASSWORD}).status_code == 204
    assert [listed["created_by"] for listed in kind.list(boss)] == [None]
    assert "Made by" not in words(reader.get(page))


def test_pages_show_the_secret_once_and_remove_it(site, kind):
    reader = panel(site)
    created = reader.send(f"{kind.page}/new", 200, **kind.body)
    secret = unescape(created.partition('data-copy="')[2].partition('"')[0])
    ((row_id,),) = site.rows(f"SELECT id FROM {'api_keys' if kind.name == 'key' else 'webhooks'}")
    assert len(secret) > 40
    assert secret not in reader.get(CONNECT)
    reader.confirm(f"{kind.page}/{row_id}/{kind.end}")
    assert row_id not in reader.get(CONNECT)
