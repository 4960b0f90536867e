"""Changing a user's name and email."""

import re

import pytest
from support.application.site import assert_error
from support.people.accounts import PASSWORD, log_in, sign_up, try_login
from support.people.page_readers import Reader, words
from support.people.two_step import turn_on

from koyjabo.people.accounts.users.accounts import Accounts

ME = "/api/auth/me"


def change(person, **fields):
    return person.patch(ME, json={"password": PASSWORD, **fields})


def test_name_is_changed_and_nothing_else(site, ayesha):
    answer = change(ayesha, name="  Ayesha   Siddiqua ", email=None)
    assert answer.status_code == 200
    assert answer.json == {"id": ayesha.id, "email": "ayesha@example.com", "name": "Ayesha Siddiqua", "is_admin": False}
    assert ayesha.get(ME).json == answer.json
    assert site.rows("SELECT action, details FROM audit_log ORDER BY id DESC LIMIT 1") == [
        ("user.change", '{"fields": "name"}')
    ]
    lines = site.rows("SELECT count(*) FROM audit_log")
    assert change(ayesha, name="Ayesha Siddiqua", email="ayesha@example.com").status_code == 200
    assert change(ayesha).status_code == 200
    assert site.rows("SELECT count(*) FROM audit_log") == lines, "what changes nothing leaves no line"
    sign_up(site, "karim")
    assert_error(change(ayesha, name="Karim", email="KARIM@example.com"), 409, "email_taken")
    assert ayesha.get(ME).json["name"] == "Ayesha Siddiqua"


def test_new_email_is_the_one_to_log_in_with(site, ayesha):
    other = log_in(site)
    site.rows("UPDATE users SET verified_ms = 1")
    assert change(ayesha, email="AYESHA@example.com").json["email"] == "AYESHA@example.com"
    assert site.rows("SELECT verified_ms FROM users") == [(1,)], "another spelling of the same email stays confirmed"
    changed = change(ayesha, name=" \u200b", email=" Siddiqua@Example.com ").json
    assert (changed["email"], changed["name"]) == ("Siddiqua@Example.com", "Siddiqua")
    assert try_login(site).status_code == 401
    assert try_login(site, "siddiqua").status_code == 200
    assert other.get(ME).json["email"] == "Siddiqua@Example.com"
    assert site.rows("SELECT verified_ms FROM users") == [(None,)]
    assert sign_up(site).id != ayesha.id


@pytest.mark.parametrize("meanwhile", ["email = 'own@example.com', verified_ms = 1", "password = 'of the new owner'"])
def test_change_is_refused_if_the_account_has_changed_since(site, ayesha, monkeypatch, meanwhile):
    """A late request could restore the earlier, unconfirmed email of an account, or move it to an account that another
    owner has just taken over.
    """
    change_profile = Accounts.change_profile

    def change_late(*args):
        site.rows(f"UPDATE users SET {meanwhile}")
        return change_profile(*args)

    monkeypatch.setattr(Accounts, "change_profile", change_late)
    assert_error(change(ayesha, email="AYESHA@example.com"), 401, "wrong_credentials")
    assert site.rows("SELECT email FROM users WHERE email = 'AYESHA@example.com'") == []


def test_another_email_takes_a_code_while_an_app_is_on(site, ayesha):
    """Otherwise a thief with a session and the password could remove the app through a password reset emailed to the
    new address.
    """
    app = turn_on(ayesha)
    assert change(ayesha, name="Ayesha Siddiqua", email="AYESHA@example.com").status_code == 200, "it is the same one"
    for code in ({}, {"code": "1"}):
        assert_error(change(ayesha, email="siddiqua@example.com", **code), 401, "wrong_code")
    reader = Reader(site)
    page = reader.send("/login", 200, email=ayesha.email, password=PASSWORD)
    token = re.search(r'name="token" value="([^"]+)"', page)[1]
    reader.send("/login/second-factor", token=token, code=app.next_code())
    form = {"name": "Ayesha", "email": "siddiqua@example.com", "password": PASSWORD}
    assert "This code is wrong" in words(reader.send("/account/details", 422, **form, code="1"))
    reader.send("/account/details", **form, code=app.next_code())
    assert change(ayesha, email="ayesha@example.com", code=app.recovery_codes[0]).status_code == 200


def test_password_is_needed(site, ayesha):
    assert_error(ayesha.patch(ME, json={"name": "Karim"}), 400, "invalid_input", "password")
    answer = ayesha.patch(ME, json={"name": "Karim", "password": "rickshaw at noon"})
    assert_error(answer, 401, "wrong_credentials")
    assert_error(change(ayesha, email="no email"), 400, "invalid_input", "email")
    assert ayesha.get(ME).json["name"] == "Ayesha"
