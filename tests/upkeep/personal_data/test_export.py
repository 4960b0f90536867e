"""The export of an account: everything stored about it, in pieces, only for its owner, without secrets."""

import json

import pytest
from sqlalchemy.sql.util import find_tables
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.communities import found
from support.sites.full_account import NAME, AccountHistory, tables_of_users

from koyjabo.upkeep.personal_data import personal_data
from koyjabo.upkeep.personal_data.export_queries import SECTIONS, DataSubject

EXPORT = "/api/auth/me/export"
SECRETS = {
    "password": "users",
    "sealed": "totp_secrets",
    "digest": "recovery_codes",
    "public_key": "passkeys",
    "refresh_id": "sessions",
    "token": "pending_steps",
}


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url, RATE_LIMIT_REPORTS="0") as site:
        yield site


@pytest.fixture(scope="module")
def history(site) -> AccountHistory:
    return AccountHistory(site)


@pytest.fixture
def exported(history):
    answer = history.ayesha.get(EXPORT)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="koyjabo-account-2025-12-18.json"'
    return answer.json


def test_every_table_of_users_has_a_section():
    owner = DataSubject("", "", "", True, ("here",))
    tables = {table.name for section in SECTIONS for table in find_tables(section.select(owner), check_columns=True)}
    assert tables_of_users() - tables == {
        "recovery_codes",  # their number precedes the sections
        "webhook_deliveries",  # only a receiver's response can name the account
    }


def test_export_has_only_rows_of_the_account(site, history, exported):
    assert list(exported) == ["exported_at", "account", *(section.name for section in SECTIONS)]
    assert [name for name, rows in exported.items() if not rows] == []
    account = exported["account"]
    expected = {"name": NAME, "role": "member", "unused_recovery_codes": 10}
    expected |= {"weekly_report": True, "traffic_alerts": True}
    expected |= {"id": history.ayesha.id, "email": "ayesha@example.com", "disabled_at": None}
    expected |= {"created_at": "2025-12-16T04:48:38.412Z", "verified_at": "1970-01-01T00:00:00.001Z"}
    assert account == expected | {name: account[name] for name in ("second_factor_at", "language")}
    roles = {membership["name"]: membership["role"] for membership in exported["memberships"]}
    assert roles == {"Banani": "moderator", "Mirpur 10": "admin"}
    assert [community["name"] for community in exported["founded_communities"]] == ["Mirpur 10"]
    assert [(invitation["community"], invitation["invited_by"]) for invitation in exported["invitations"]] == [
        ("Banani", "Karim")
    ]
    assert [invitation["email"] for invitation in exported["sent_invitations"]] == ["rahim@example.com"]
    assert [key["name"] for key in exported["passkeys"]] == ["My phone"]
    assert [key["name"] for key in exported["keys"]] == ["Grafana"]
    assert [webhook["description"] for webhook in exported["webhooks"]] == ["Our chat"]
    visitors = [(visitor["community_id"], visitor["visitor_id"]) for visitor in exported["visitors"]]
    assert visitors == sorted([(history.theirs, "v1"), (history.hers, "v1")])
    # Excludes visits before the login and after the logout: others who know the visitorId could request them.
    assert [visit["visit_id"][0] for visit in exported["visits"]] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    assert {stay["community_id"] for stay in exported["presence"]} == {history.theirs, history.hers}
    assert exported["presence"][0]["hours"][0].endswith(":00:00.000Z")
    assert {entry["action"] for entry in exported["audit_about_membership"]} == {"member.role"}
    assert {entry["action"] for entry in exported["audit_about_me"]} == {"user.unlock"}
    assert "user.sign_up" in {entry["action"] for entry in exported["audit_by_me"]}
    rows = site.rows("SELECT actor_id, action FROM audit_log ORDER BY id DESC LIMIT 1")
    assert rows == [(history.ayesha.id, "user.export")]


def test_no_secret_is_exported(site, history, exported):
    text = json.dumps(exported)
    stored = [site.rows(f"SELECT {column} FROM {table}") for column, table in SECRETS.items()]
    named = ("url", "password", "sealed", "the public key", "digest", "refresh_id", "recipient", "browser_mark")
    assert [column for column in named if f'"{column}"' in text] == []
    assert [value for rows in stored for (value,) in rows if str(value) in text] == []
    assert history.app.secret not in text


def test_long_sections_come_in_pieces(history, exported, monkeypatch):
    monkeypatch.setattr(personal_data, "PIECE", 2)
    again = history.ayesha.get(EXPORT).json
    for section in SECTIONS:
        if section.name != "audit_by_me":  # it has one more entry
            assert again[section.name] == exported[section.name], section.name


def test_invitations_are_exported_only_with_a_confirmed_email(site, history):
    site.rows("UPDATE users SET verified_ms = NULL WHERE id = :id", id=history.ayesha.id)
    assert history.ayesha.get(EXPORT).json["invitations"] == []
    site.rows("UPDATE users SET verified_ms = 1 WHERE id = :id", id=history.ayesha.id)


def test_export_stops_when_the_session_ends(site, history):
    other = sign_up(site, "other")
    found(other)
    answer = other.get(EXPORT, buffered=False)
    pieces = iter(answer.response)
    assert b'"exported_at"' in next(pieces)
    other.post("/api/auth/logout")
    with pytest.raises(Exception, match="not valid"):
        b"".join(pieces)
