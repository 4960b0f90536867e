"""The pages on which one changes, exports and deletes one's own account, without scripts."""

from __future__ import annotations

import re

import pytest
from support.account_calls import PASSWORD, log_in, sign_up, try_login
from support.app_fixtures import Site
from support.community_calls import found, give
from support.page_calls import Reader, words
from support.second_factor import turn_on

DETAILS, DELETE, EXPORT = "/account/details", "/account/delete", "/account/export"


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def ayesha(site):
    return Reader(site).sign_up("ayesha")


def right(**fields):
    return {"password": PASSWORD, "confirmation": " Ayesha@example.com", **fields}


def test_details_are_shown_and_changed(site, ayesha):
    page = ayesha.get(DETAILS)
    assert 'value="Ayesha"' in page
    assert 'value="ayesha@example.com"' in page
    ayesha.send(DETAILS, name="Ayesha Siddiqua", email="siddiqua@example.com", password=PASSWORD)
    page = words(ayesha.get(ayesha.location))
    assert "Your changes were saved." in page
    assert "siddiqua@example.com" in page
    assert try_login(site, "siddiqua").status_code == 200


def test_what_cannot_be_changed_is_said_at_its_field(site, ayesha):
    sign_up(site, "karim")
    page = ayesha.send(DETAILS, 422, name="A", email="karim@example.com", password=PASSWORD)
    assert 'id="email-error" class="error">An account with this email already exists.' in page
    page = ayesha.send(DETAILS, 422, name="A", email="no email", password="rickshaw at noon")
    assert "must be an email address" in words(page)
    page = ayesha.send(DETAILS, 422, name="A", email="ayesha@example.com", password="rickshaw at noon")
    assert 'id="password-error" class="error">That is not your current password.' in page
    assert "rickshaw" not in page
    assert "ayesha@example.com" in words(ayesha.get("/account"))


def test_export_is_a_file_for_the_one_who_is_logged_in(site, ayesha):
    assert f'href="{EXPORT}"' in ayesha.get("/account")
    answer = ayesha.client.get(EXPORT, headers=ayesha.headers)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.json["account"]["email"] == "ayesha@example.com"
    Reader(site).get(EXPORT, 303)


def test_account_is_deleted_after_the_email_was_typed(site, ayesha):
    assert f'href="{DELETE}"' in ayesha.get("/account")
    assert "cannot be undone" in ayesha.get(DELETE)
    ayesha.send(DELETE, **right())
    assert ayesha.client.get_cookie("access_token_cookie") is None
    assert "Your account was deleted." in words(ayesha.get(ayesha.location))
    assert try_login(site).status_code == 401


def test_deletion_that_is_not_confirmed_changes_nothing(site, ayesha):
    page = ayesha.send(DELETE, 422, **right(confirmation="yes"))
    assert 'id="confirmation-error" class="error">must be the email of your account' in page
    page = ayesha.send(DELETE, 422, **right(password="rickshaw at noon"))
    assert 'id="password-error" class="error">That is not your current password.' in page
    for fields in ({}, {"confirmation": "ayesha@example.com"}):
        assert "is required" in words(ayesha.send(DELETE, 422, **fields))
    assert try_login(site).status_code == 200


def test_code_is_asked_of_those_with_an_authenticator_app(site, ayesha):
    assert 'name="code"' not in ayesha.get(DELETE)
    app, reader = turn_on(log_in(site)), Reader(site)
    step = reader.send("/login", 200, email="ayesha@example.com", password=PASSWORD)
    token = re.search(r'name="token" value="([^"]+)"', step)[1]
    reader.send("/login/second-factor", token=token, code=app.next_code())
    assert 'name="code"' in reader.get(DELETE)
    assert 'id="code-error" class="error">This code is wrong' in reader.send(DELETE, 422, **right(code="1"))
    reader.send(DELETE, **right(code=app.next_code()))
    assert reader.location == "/"
    assert "Your account was deleted." in reader.get("/")


def test_only_admin_is_led_to_the_community_first(site):
    ayesha, karim = sign_up(site), sign_up(site, "karim")
    reader = Reader(site).log_in("ayesha")
    community = found(ayesha, name="Mirpur <10>")["id"]
    page = reader.get(DELETE)
    assert f'<a href="/communities/{community}/members"><bdi>Mirpur &lt;10&gt;</bdi></a>' in page
    page = reader.send(DELETE, 409, **right())
    assert 'role="alert">You are the only admin of a community.' in page
    give(ayesha, community, karim, "admin")
    assert "only admin" not in reader.get(DELETE)
    reader.send(DELETE, **right())
    assert karim.get(f"/api/communities/{community}/members").json[0]["name"] == "Karim"
