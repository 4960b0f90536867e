"""Accounts connected to an OpenID provider: connecting, disconnecting, and setting the first password."""

import re
from html import unescape

from support.application.site import Site
from support.people.accounts import PASSWORD, log_in as log_in_by_api
from support.people.admins import last_line
from support.people.page_readers import Reader, words
from support.people.provider_logins import end, log_in
from support.servers.openid_provider import OpenidProvider

CONNECT, DISCONNECT = "/account/logins/work/connect", "/account/logins/work/disconnect"
FIRST = "/account/password/first"


def link(page: str) -> str:
    """The address in the page's link."""
    return unescape(re.search(r'class="button primary"[^>]*href="([^"]+)"', page)[1])


def connect(reader: Reader, provider: OpenidProvider, subject: str, status: int = 303) -> str:
    url = link(reader.send(CONNECT, 200, password=PASSWORD))
    return end(reader, provider.approve(url, subject), status)


def identities(site: Site, subject: str) -> list[str]:
    query = "SELECT email FROM users JOIN oidc_identities ON user_id = id WHERE subject = :subject"
    return [row[0] for row in site.rows(query, subject=subject)]


def test_account_is_connected_with_its_password_and_disconnected_again(site, work):
    work.know("c1", email="somebody@else.example", email_verified=True)
    ayesha = Reader(site).sign_up("ayesha")
    assert f'href="{CONNECT}"' in ayesha.get("/account")
    assert "That is not your current password." in words(ayesha.send(CONNECT, 422, password="wrong one"))
    connect(ayesha, work, "c1")
    assert ayesha.location == "/account"
    assert "Your account is connected to The Office." in words(ayesha.get("/account"))
    assert last_line(site)[1] == "user.connect"
    assert "ayesha@example.com" in words(log_in(site, work, "c1").get("/account"))

    site.time.pass_(minutes=10)
    assert "That is not your current password." in words(ayesha.send(DISCONNECT, 422, password="wrong one"))
    ayesha.send(DISCONNECT, password=PASSWORD)
    assert "no longer connected to The Office" in words(ayesha.get("/account"))
    ayesha.send(DISCONNECT, password=PASSWORD)  # idempotent
    assert last_line(site)[1] == "user.disconnect"
    assert identities(site, "c1") == []


def test_connection_is_bound_to_the_session_that_began_it(site, work):
    """An attacker must not be able to connect another person's account with the attacker's identity."""
    attacker, victim = Reader(site).sign_up("chitra"), Reader(site).sign_up("dola")
    url = link(attacker.send(CONNECT, 200, password=PASSWORD))
    back = work.approve(url, "c2")
    assert "This login has expired" in words(end(victim, back, 422))
    victim.client.set_cookie("provider_login", attacker.client.get_cookie("provider_login").value)
    assert "This login has expired" in words(end(victim, back, 422))
    stranger = Reader(site)
    stranger.client.set_cookie("provider_login", attacker.client.get_cookie("provider_login").value)
    assert "This login has expired" in words(end(stranger, back, 422))
    assert stranger.csrf == ""
    assert identities(site, "c2") == []

    url = link(attacker.send(CONNECT, 200, password=PASSWORD))
    attacker.send("/account/password", current_password=PASSWORD, new_password="another one")
    assert "This login has expired" in words(end(attacker, work.approve(url, "c2"), 422))
    assert identities(site, "c2") == []


def test_identity_belongs_to_one_account(site, work):
    gita, hena = Reader(site).sign_up("gita"), Reader(site).sign_up("hena")
    connect(gita, work, "c4")
    assert "connected to another account here" in words(connect(hena, work, "c4", 422))
    assert identities(site, "c4") == ["gita@example.com"]


def test_account_without_a_password_keeps_its_last_way_in(site, work):
    work.know("c5", email="jui@work.example")
    jui = log_in(site, work, "c5")
    assert "Your account has no password." in words(jui.send(DISCONNECT, 422, password=PASSWORD))
    assert "must have 8 to 128 characters" in words(jui.send(FIRST, 422, new_password="short"))
    jui.send(FIRST, new_password=PASSWORD)
    assert "already has a password" in words(jui.send(FIRST, 422, new_password="another one"))
    jui.send(DISCONNECT, password=PASSWORD)
    assert identities(site, "c5") == []
    assert log_in_by_api(site, email="jui@work.example").email == "jui@work.example"


def test_first_password_needs_a_login_of_the_last_ten_minutes(site, work):
    work.know("c6", email="kona@work.example")
    kona = log_in(site, work, "c6")
    site.time.pass_(minutes=10)
    assert "Log in again first." in words(kona.send(FIRST, 422, new_password=PASSWORD))
    kona = log_in(site, work, "c6")
    site.time.pass_(minutes=9)
    kona.send(FIRST, new_password=PASSWORD)
