"""Mails beside second factors: who is told of a login in two steps, and what a new password by mail leaves in force."""

from __future__ import annotations

import pytest
from support.account_calls import PASSWORD, bare, bearer, log_in, sign_up, try_login
from support.app_fixtures import Site
from support.authenticator import Authenticator
from support.mailbox import path_in
from support.page_calls import Reader
from support.second_factor import CONFIRM, SECOND, TOTP, App, first_step, second_step, turn_on

from koyjabo.identity import OPERATOR

LOGIN = {"email": "ayesha@example.com", "password": PASSWORD}
PASSKEYS, ASK = "/api/auth/passkeys", "/api/auth/second-factor/options"
NEW = "launch at dusk"


def news(site: Site, mailbox) -> list[str]:
    """The subjects of the mails since the last call."""
    site.services.mail.send_all()
    subjects = mailbox.subjects()
    mailbox.mails.clear()
    return subjects


@pytest.fixture
def app(site, mailbox) -> App:
    app = turn_on(sign_up(site))
    site.time.pass_(minutes=5)
    news(site, mailbox)
    return app


def test_login_in_two_steps_is_told_after_the_second_if_the_browser_is_not_familiar(site, mailbox, app):
    token = first_step(site).token
    assert second_step(site, token, "wrong").status_code == 401
    assert news(site, mailbox) == []
    browser = site.app.test_client()
    assert second_step(site, token, app.code(), browser).status_code == 200
    assert news(site, mailbox) == ["New login to your account"]
    token = browser.post("/api/auth/login", json=LOGIN).json["second_factor"]["token"]
    assert second_step(site, token, app.next_code(), browser).status_code == 200
    assert news(site, mailbox) == []


def test_login_with_a_passkey_alone_is_told_if_the_browser_is_not_familiar(database, mailbox):
    with Site(database.url, **{**mailbox.settings(), "PUBLIC_URL": "http://localhost"}) as site:
        person, key = sign_up(site), Authenticator()
        options = person.post(f"{PASSKEYS}/options", json={"password": PASSWORD}).json["options"]
        assert person.post(PASSKEYS, json={"credential": key.create(options)}).status_code == 201
        assert news(site, mailbox) == ["Confirm your email"]
        browser = site.app.test_client()
        for told in (["New login to your account"], []):
            asked = browser.post(ASK, json={}).json
            body = {"token": asked["token"], "credential": key.get(asked["options"])}
            assert browser.post(SECOND, json=body).status_code == 200
            assert news(site, mailbox) == told


def test_signup_that_has_to_set_up_an_app_is_no_login_from_elsewhere(database, mailbox):
    def enrol(token: str) -> None:
        app = App(site, bare(site).post(TOTP, headers=bearer(token)).json["secret"])
        site.time.pass_(minutes=1)
        assert bare(site).post(CONFIRM, json={"code": app.code()}, headers=bearer(token)).status_code == 200

    with Site(database.url, REQUIRE_TWO_FACTOR="all", **mailbox.settings()) as site:
        enrol(bare(site).post("/api/auth/signup", json=LOGIN).json["second_factor"]["token"])
        assert news(site, mailbox) == ["Confirm your email"]
        site.services.accounts.users.reset_second_factor(OPERATOR, site.rows("SELECT id FROM users")[0][0])
        enrol(try_login(site).json["second_factor"]["token"])
        assert news(site, mailbox) == ["New login to your account"]


def test_new_password_by_mail_leaves_the_second_factor_and_forgets_browsers(site, mailbox, app):
    browser = site.app.test_client()
    assert second_step(site, first_step(site).token, app.code(), browser, remember=True).status_code == 200
    waiting = first_step(site).token
    assert bare(site).post("/api/auth/password-reset", json={"email": LOGIN["email"]}).status_code == 202
    site.services.mail.send_all()
    path = path_in(mailbox.wait_for(LOGIN["email"], "Choose a new password"))
    Reader(site).send(path, new_password=NEW)
    assert second_step(site, waiting, app.next_code()).status_code == 401
    for client in (browser, bare(site)):
        assert list(client.post("/api/auth/login", json={**LOGIN, "password": NEW}).json) == ["second_factor"]
    assert second_step(site, first_step(site, password=NEW).token, app.recovery_codes[0]).status_code == 200


def test_other_new_password_ends_the_links_for_one(site, mailbox):
    """Else who reads an old mail could replace it for half an hour."""
    person = sign_up(site)
    bare(site).post("/api/auth/password-reset", json={"email": person.email})
    site.services.mail.send_all()
    path = path_in(mailbox.wait_for(person.email, "Choose a new password"))
    new = {"current_password": PASSWORD, "new_password": NEW}
    assert person.post("/api/auth/password", json=new).status_code == 204
    Reader(site).send(path, 404, new_password="yet another one")
    assert log_in(site, password=NEW).id == person.id
