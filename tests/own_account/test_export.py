"""What is stored about an account: all of it, in pieces, for its owner, and no secret."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.sql.util import find_tables
from support.account_calls import sign_up
from support.account_world import NAME, Life, tables_of_users
from support.app_fixtures import Site
from support.community_calls import found

from koyjabo.own_account import export
from koyjabo.own_account.section_queries import SECTIONS, Owner

EXPORT = "/api/auth/me/export"
SECRETS = ("password", "sealed", "the public key", "digest", "refresh_id", "recipient", "browser_mark")


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url, RATE_LIMIT_REPORTS="0") as site:
        yield site


@pytest.fixture(scope="module")
def life(site) -> Life:
    return Life(site)


@pytest.fixture
def exported(life):
    answer = life.ayesha.get(EXPORT)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="koyjabo-account-2025-12-18.json"'
    return answer.json


def test_every_table_of_users_has_a_section():
    owner = Owner("", "", "", True, ("here",))
    tables = {table.name for each in SECTIONS for table in find_tables(each.select(owner), check_columns=True)}
    assert tables_of_users() - tables == {"recovery_codes"}  # their number stands before the sections


def test_every_section_of_a_full_life_has_something(exported):
    assert list(exported) == ["exported_at", "account", *(section.name for section in SECTIONS)]
    assert [name for name, rows in exported.items() if not rows] == []


def test_account_is_told_with_its_settings(site, life, exported):
    assert exported["account"] == {
        "id": life.ayesha.id,
        "email": "ayesha@example.com",
        "name": NAME,
        "created_at": "2025-12-16T04:48:38.412Z",
        "disabled_at": None,
        "second_factor_at": exported["account"]["second_factor_at"],
        "verified_at": "1970-01-01T00:00:00.001Z",
        "language": exported["account"]["language"],
        "role": "member",
        "weekly_report": True,
        "unused_recovery_codes": 10,
    }


def test_rows_are_those_of_the_account(life, exported):
    assert {each["name"]: each["role"] for each in exported["memberships"]} == {
        "Banani": "moderator",
        "Mirpur 10": "admin",
    }
    assert [each["name"] for each in exported["founded_communities"]] == ["Mirpur 10"]
    assert [(each["community"], each["invited_by"]) for each in exported["invitations"]] == [("Banani", "Karim")]
    assert [each["email"] for each in exported["sent_invitations"]] == ["rahim@example.com"]
    assert [each["name"] for each in exported["passkeys"]] == ["My phone"]
    visitors = [(each["community_id"], each["visitor_id"]) for each in exported["visitors"]]
    assert visitors == sorted([(life.theirs, "v1"), (life.hers, "v1")])
    assert {each["community_id"] for each in exported["presence"]} == {life.theirs, life.hers}
    assert exported["presence"][0]["hours"][0].endswith(":00:00.000Z")
    assert {each["action"] for each in exported["audit_about_membership"]} == {"member.role"}
    assert {each["action"] for each in exported["audit_about_me"]} == {"user.unlock"}
    assert "user.sign_up" in {each["action"] for each in exported["audit_by_me"]}


def test_visits_are_those_with_a_login_of_the_account(exported):
    """Not those from before it, nor from after the logout: whoever knows a visitorId could ask for them."""
    visits = exported["visits"]
    assert len(visits) == 9
    assert [each["ordinal"] for each in visits] == sorted(each["ordinal"] for each in visits)
    assert [each["visit_id"][0] for each in visits] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3


def test_no_secret_is_told(site, life, exported):
    text = json.dumps(exported)
    stored = [site.rows(f"SELECT {column} FROM {table}") for column, table in STORED]
    assert [each for each in SECRETS if f'"{each}"' in text] == []
    assert [value for rows in stored for (value,) in rows if str(value) in text] == []
    assert life.app.secret not in text


STORED = [
    ("password", "users"),
    ("sealed", "totp_secrets"),
    ("digest", "recovery_codes"),
    ("public_key", "passkeys"),
    ("refresh_id", "sessions"),
    ("token", "pending_steps"),
]


def test_long_sections_come_in_pieces(life, exported, monkeypatch):
    monkeypatch.setattr(export, "PIECE", 2)
    again = life.ayesha.get(EXPORT).json
    for section in SECTIONS:
        if section.name != "audit_by_me":  # which has a line more
            assert again[section.name] == exported[section.name], section.name


def test_others_invitations_wait_for_the_proof_of_the_email(site, life):
    site.rows("UPDATE users SET verified_ms = NULL WHERE id = :id", id=life.ayesha.id)
    assert life.ayesha.get(EXPORT).json["invitations"] == []
    site.rows("UPDATE users SET verified_ms = 1 WHERE id = :id", id=life.ayesha.id)


def test_export_leaves_a_line_in_the_audit_log(site, life, exported):
    rows = site.rows("SELECT actor_id, action FROM audit_log ORDER BY id DESC LIMIT 1")
    assert rows == [(life.ayesha.id, "user.export")]


def test_export_is_broken_off_when_the_session_ends(site, life):
    other = sign_up(site, "other")
    found(other)
    answer = other.get(EXPORT, buffered=False)
    pieces = iter(answer.response)
    assert b'"exported_at"' in next(pieces)
    other.post("/api/auth/logout")
    with pytest.raises(Exception, match="not valid"):
        b"".join(pieces)
