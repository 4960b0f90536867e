"""Pages of accounts without scripts: logging in, two-step login, and deleting the account."""

import re

import pytest
from support.people.accounts import PASSWORD, log_in, sign_up, try_login
from support.people.communities import found, give
from support.people.page_readers import Reader
from support.people.two_step import secret_in, token_in, turn_on

DELETE = "/account/delete"
ACCOUNT, TOTP, STEP = "/account/second-factor", "/account/second-factor/totp", "/login/second-factor"
LOGIN = {"email": "ayesha@example.com", "password": PASSWORD}


@pytest.fixture
def ayesha(site) -> Reader:
    return Reader(site).sign_up("ayesha")


def test_a_viewers_login_leads_to_the_panel_or_to_the_requested_page(site, ayesha):
    """Opening the panel does not count as a visit."""
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'ayesha@example.com'")
    reader = Reader(site).log_in("ayesha")
    assert reader.location == "/admin/"
    other = Reader(site)
    other.send("/login?next=/communities", email="ayesha@example.com", password=PASSWORD)
    assert other.location == "/communities"
    assert site.stats()["totalVisits"] == 0


def test_a_login_leads_the_member_of_one_community_to_its_page(site, ayesha):
    """A single moderated community is also chosen. Among several, none is."""
    boss, person = sign_up(site, "boss"), log_in(site, "ayesha")

    def lands(**fields: str) -> str:
        return Reader(site).log_in("ayesha", **fields).location

    first, second, third = (found(boss, name=name)["id"] for name in ("Mirpur", "Uttara", "Banani"))
    give(boss, first, person, "member")
    assert lands() == f"/communities/{first}"
    give(boss, second, person, "member")
    assert lands() == "/"
    give(boss, second, person, "moderator")
    assert lands() == f"/communities/{second}"
    assert lands(next="/account") == "/account"
    give(boss, third, person, "admin")
    assert lands() == "/"


def test_a_page_that_needs_a_login_leads_to_the_login_and_back(site, ayesha):
    path = "/communities/1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b/members?page=2"
    reader = Reader(site)
    reader.get(path, 303)
    reader.send(reader.location, email="ayesha@example.com", password=PASSWORD)
    assert reader.location == path


def test_the_pages_after_a_login_are_not_cached(site, ayesha):
    """The browser's next user cannot go back to any of these pages."""
    for reader, caching in ((ayesha, "private, no-store"), (Reader(site), "private, no-cache")):
        reader.get("/")
        assert reader.headers_of_answer["Cache-Control"] == caching


def test_an_account_is_deleted_on_its_page_only_after_the_email_was_typed(site, ayesha):
    assert f'href="{DELETE}"' in ayesha.get("/account")
    ayesha.send(DELETE, 422, password=PASSWORD, confirmation="another@example.com")
    ayesha.send(DELETE, password=PASSWORD, confirmation=" Ayesha@example.com")
    assert ayesha.client.get_cookie("access_token_cookie") is None
    assert try_login(site).status_code == 401


def test_the_secret_of_an_app_is_shown_only_in_the_session_of_the_password(site, ayesha):
    """A thief who does not know the password has stolen another of her sessions."""
    stolen = Reader(site).log_in("ayesha")
    secret = secret_in(ayesha.send(TOTP, 200, password=PASSWORD))
    stolen.send(f"{TOTP}/confirm", 303, code="000000")
    assert stolen.location == TOTP
    assert "otpauth:" not in stolen.get(TOTP)
    assert secret_in(ayesha.send(f"{TOTP}/confirm", 422, code="000000")) == secret


def test_a_login_with_a_code_leads_to_the_requested_page(site, ayesha):
    app, reader = turn_on(log_in(site)), Reader(site)
    page = reader.send("/login", 200, **LOGIN, next="/communities/new")
    assert reader.headers_of_answer.getlist("Set-Cookie") == []
    assert reader.headers_of_answer["Cache-Control"] == "no-store"
    assert 'autocomplete="one-time-code"' in page
    token, onwards = token_in(page), re.search(r'name="next" value="([^"]*)"', page)[1]
    for wrong in ("1", ""):
        reader.send(STEP, 422, token=token, code=wrong, next=onwards)
    reader.send(STEP, token=token, code=app.next_code(), next=onwards)
    assert reader.location == "/communities/new"
    other = Reader(site)
    other.send(
        STEP, token=token_in(other.send("/login", 200, **LOGIN)), code=app.recovery_codes[0], next="//evil.example"
    )
    assert other.location == "/"
