"""Pages of two-step login without scripts: turning it on, entering codes, recovery codes, turning it off."""

import re
from html import unescape
from typing import Any

import pytest
from support.application.site import Site
from support.people.accounts import PASSWORD, log_in
from support.people.page_readers import Reader, words
from support.people.two_step import App, secret_in, token_in, turn_on

ACCOUNT, TOTP, STEP = "/account/second-factor", "/account/second-factor/totp", "/login/second-factor"
LOGIN = {"email": "ayesha@example.com", "password": PASSWORD}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def ayesha(site) -> Reader:
    return Reader(site).sign_up("ayesha")


def codes_in(page: str) -> list[str]:
    return re.findall(r"<li><code>([^<]+)</code></li>", page)


def login(reader: Reader, **fields: Any) -> str:
    """Log in with a password. Returns the page that asks for a code, and asserts that it sets no cookie."""
    page = reader.send("/login", 200, **{**LOGIN, **fields})
    assert reader.headers_of_answer.getlist("Set-Cookie") == []
    assert reader.headers_of_answer["Cache-Control"] == "no-store"
    return page


def test_way_from_the_account_to_recovery_codes_and_back_off(site, ayesha):
    assert f'href="{ACCOUNT}"' in ayesha.get("/account")
    assert f'href="{TOTP}"' in ayesha.get(ACCOUNT)
    assert 'type="password"' in ayesha.get(TOTP)
    assert "That is not your current password." in words(ayesha.send(TOTP, 422, password="wrong one"))
    page = ayesha.send(TOTP, 200, password=PASSWORD)
    app = App(site, secret_in(page))
    assert "<svg" in page
    assert app.secret in page.replace(" ", "")
    wrong = ayesha.send(f"{TOTP}/confirm", 422, code="000000")
    assert "This code is wrong" in words(wrong)
    assert secret_in(wrong) == app.secret
    page = ayesha.send(f"{TOTP}/confirm", 200, code=app.code())
    codes = codes_in(page)
    assert len(codes) == 10
    assert unescape(page).count(codes[0]) == 3, "in the list, in the button that copies, and in the file to download"
    assert "Unused: 10 of 10" in words(ayesha.get(ACCOUNT))
    new = codes_in(ayesha.send(f"{ACCOUNT}/recovery-codes", 200, password=PASSWORD, code=codes[0]))
    assert set(new).isdisjoint(codes)
    site.time.pass_(minutes=10)
    assert "This code is wrong" in words(ayesha.send(f"{TOTP}/off", 422, password=PASSWORD, code="1"))
    ayesha.send(f"{TOTP}/off", password=PASSWORD, code=new[0])
    assert ayesha.location == ACCOUNT
    assert "The authenticator app was turned off." in words(ayesha.get(ayesha.location))


def test_secret_is_shown_only_in_the_session_that_sent_the_password(site, ayesha):
    """A thief who does not know the password has stolen another of her sessions."""
    stolen = Reader(site).log_in("ayesha")
    secret = secret_in(ayesha.send(TOTP, 200, password=PASSWORD))
    stolen.send(f"{TOTP}/confirm", 303, code="000000")
    assert stolen.location == TOTP
    assert "otpauth:" not in stolen.get(TOTP)
    assert secret_in(ayesha.send(f"{TOTP}/confirm", 422, code="000000")) == secret


def test_login_with_a_code_leads_to_the_requested_page(site, ayesha):
    app, reader = turn_on(log_in(site)), Reader(site)
    page = login(reader, next="/communities/new")
    assert 'autocomplete="one-time-code"' in page
    token, onwards = token_in(page), re.search(r'name="next" value="([^"]*)"', page)[1]
    assert "This code is wrong" in words(reader.send(STEP, 422, token=token, code="1", next=onwards))
    assert "is required" in words(reader.send(STEP, 422, token=token, code="", next=onwards))
    reader.send(STEP, token=token, code=app.next_code(), next=onwards)
    assert reader.location == "/communities/new"
    reader.get("/account")
    other = Reader(site)
    other.send(STEP, token=token_in(login(other)), code=app.recovery_codes[0], next="//evil.example")
    assert other.location == "/"
    site.rows("UPDATE users SET is_admin = true WHERE email = 'ayesha@example.com'")
    admin = Reader(site)
    admin.send(STEP, token=token_in(login(admin)), code=app.recovery_codes[1])
    assert admin.location == "/admin/"


def test_step_that_is_over_leads_back_to_the_login(site, ayesha):
    app, reader = turn_on(log_in(site)), Reader(site)
    token = token_in(login(reader))
    for _ in range(4):
        reader.send(STEP, 422, token=token, code="1")
    page = reader.send(STEP, 422, token=token, code="1", next="/communities")
    assert "Start again." in words(page)
    assert 'action="/login?next=/communities"' in page
    assert "Start again." in words(reader.send(STEP, 422, token=token, code=app.next_code()))
    assert "Start again." in words(reader.send("/login/enrol", 422, token="x", code="1"))


def test_login_sets_up_required_two_step_login(sqlite_database):
    with Site(sqlite_database.url, REQUIRE_TWO_FACTOR="all") as site:
        reader = Reader(site)
        page = reader.send("/signup", 200, name="Ayesha", next="/communities", **LOGIN)
        assert reader.headers_of_answer.getlist("Set-Cookie") == []
        assert "requires two-step login" in words(page)
        app = App(site, secret_in(page))
        wrong = reader.send("/login/enrol", 422, token=token_in(page), code="1", next="/communities")
        assert secret_in(wrong) == app.secret
        page = reader.send("/login/enrol", 200, token=token_in(wrong), code=app.code(), next="/communities")
        assert len(codes_in(page)) == 10
        assert 'href="/communities"' in page
        assert "Ayesha" in words(reader.get("/account"))
        other = Reader(site)
        other.send(STEP, token=token_in(login(other)), code=app.next_code())
