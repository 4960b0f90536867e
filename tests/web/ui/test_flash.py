"""The outcome of a form: it names its subject, is said once, can be taken back, and only this server writes it."""

from __future__ import annotations

import pytest
from itsdangerous import URLSafeTimedSerializer
from support.app_fixtures import Site
from support.community_calls import roles_in
from support.databases import SqliteDatabase
from support.page_calls import Reader, words

from koyjabo.web.ui import flash

NAME = "100% <b>ঢাকা</b> %(name)s"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("flash") / "site.db").url) as site:
        yield site


@pytest.fixture(scope="module")
def founder(site) -> Reader:
    reader = Reader(site)
    reader.send("/signup", name="Founder", email="founder@example.com", password="rickshaw at dawn")
    return reader


def test_new_account_is_welcomed_where_it_can_go_on(site):
    reader = Reader(site)
    reader.send("/signup", name="Ayesha", email="ayesha@example.com", password="rickshaw at dawn")
    assert reader.location == "/communities"
    assert "Welcome, Ayesha. Your account was created." in words(reader.get(reader.location))


def test_outcome_names_its_subject_as_text_and_is_said_once(founder):
    founder.send("/communities/new", name=NAME)
    assert "?" not in founder.location
    path = founder.location
    page = founder.get(path)
    assert f"{NAME} was created." in words(page)
    assert "<b>ঢাকা" not in page
    assert "was created." not in founder.get(path)


def test_change_of_a_role_is_taken_back_by_its_outcome(site, founder):
    founder.send("/communities/new", name="Mirpur 10", open="on", listed="on")
    community = founder.location.rpartition("/")[2]
    member = Reader(site)
    member.send("/signup", name="Karim", email="karim@example.com", password="rickshaw at dawn")
    member.send(f"/communities/{community}/join")
    (karim,) = (user for user, role in roles_in(site, community).items() if role == "member")
    founder.send(f"/communities/{community}/members/{karim}?query=k", role="moderator")
    page = founder.get(founder.location)
    assert "The role of Karim was changed. Undo" in words(page)
    assert f'action="/communities/{community}/members/{karim}?query=k"' in page
    assert '<input type="hidden" name="role" value="member">' in page


@pytest.mark.parametrize("key", ["another key", None])
def test_only_this_server_writes_outcomes(site, key):
    reader = Reader(site)
    secret = key or site.app.config["SECRET_KEY"]
    salt = "another purpose" if key is None else flash.COOKIE
    forged = str(URLSafeTimedSerializer(secret, salt=salt).dumps(["You have won", None]))
    reader.client.set_cookie(flash.COOKIE, forged)
    assert "You have won" not in reader.get("/login")


def test_outcome_that_is_not_shown_in_time_is_dropped(site, monkeypatch):
    reader = Reader(site)
    signed = str(URLSafeTimedSerializer(site.app.config["SECRET_KEY"], salt=flash.COOKIE).dumps(["Late", None]))
    monkeypatch.setattr(flash, "SHOWN_WITHIN_S", -1)
    reader.client.set_cookie(flash.COOKIE, signed)
    assert "Late" not in reader.get("/login")
