"""Accounts: signing up, logging in, emails at a domain in any script, and changes of the name and email."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, bare, disable, log_in, send, sign_up, try_login
from support.people.two_step import turn_on

from koyjabo.people.accounts.users.accounts import Accounts

SIGNUP, LOGIN, ME = "/api/auth/signup", "/api/auth/login", "/api/auth/me"
BAD = {
    "email": [
        *("", "ayesha", "@example.com", "ayesha@", "a@b@c.com", "a b@c.com", "a@b..c", 5, None, [], {}),
        *("a" * 10_000, f"{'a' * 65}@b.com", f"a@{'b' * 252}.c", "a\0@b.com", "a\ud800@b.com"),
        *("a\u200b@b.com", "a@b.com\u202e", "İ" * 60 + "@" + "İ" * 150, "a@b\u200bü.com", "a@b\u200dc.com"),
        *("a@☃.com", "a@\u0301b.com", "a@ü-.com", "a@ü..com", "a@ü.com.", f"a@{'ü' * 60}.com", "a@ü_b.com"),
    ],
    "password": ["", "1234567", "x" * 129, "x" * 10_000, "\ud800" * 8, None, 12345678],
    "name": [5, [], {}],
    "visitorId": ["a b", "", 5, "x" * 129],
}


def post(site, path=SIGNUP, **fields):
    return send(bare(site), path, {"email": "ayesha@example.com", "password": PASSWORD, **fields})


def test_a_signup_returns_the_account_and_logs_it_in(site):
    answer = post(site, name="Ayesha")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert set(answer.json) == {"access_token", "refresh_token", "user"}
    user = answer.json["user"]
    assert user == {"id": str(UUID(user["id"])), "email": "ayesha@example.com", "name": "Ayesha", "is_admin": False}
    me = bare(site).get(ME, headers={"Authorization": f"Bearer {answer.json['access_token']}"})
    assert (me.status_code, me.json, me.headers["Cache-Control"]) == (200, user | {"appear_offline": False}, "no-store")


def test_a_login_finds_the_account_in_any_spelling_of_the_email(site):
    first = sign_up(site)
    for number, spelling in enumerate(("ayesha@example.com", "AYESHA@Example.COM", "  ayesha@example.com "), 2):
        again = log_in(site, email=spelling)
        assert (again.id, again.access == first.access) == (first.id, False)
        assert first.get(ME).json == again.get(ME).json
        assert site.rows("SELECT count(*) FROM sessions") == [(number,)]
        assert_error(post(site, email=spelling), 409, "email_taken")
    assert site.rows("SELECT count(*) FROM users") == [(1,)]
    person = sign_up(site, email="josé@example.com", password="pässwörd")
    assert log_in(site, email="jose\u0301@example.com", password="pa\u0308sswo\u0308rd").id == person.id


def test_a_signup_with_an_invalid_field_names_the_field(site):
    for field, values in BAD.items():
        for bad in values:
            assert_error(post(site, **{field: bad}), 400, "invalid_input", field)
    assert site.rows("SELECT count(*) FROM users") == [(0,)]
    for path in (SIGNUP, LOGIN):
        assert_error(bare(site).post(path, json={}), 400, "invalid_input", "email", "password")


def test_a_password_has_8_to_128_characters_and_is_stored_as_a_hash(site):
    for number, good in enumerate(("x" * 8, "x" * 128, " " * 8, "রিকশায় ভোরবেলা", "nul\0nul\0")):
        person = sign_up(site, f"user{number}", password=good)
        assert log_in(site, f"user{number}", password=good).id == person.id
        assert_error(try_login(site, f"user{number}", password=good + "x"), 401, "wrong_credentials")
    stored = site.rows("SELECT password FROM users")
    assert all(kept.startswith("$argon2id$") for (kept,) in stored), "nothing but the hash is kept"
    assert "রিকশায় ভোরবেলা" not in str(site.rows("SELECT * FROM users"))


def test_of_two_concurrent_signups_with_the_same_email_only_one_succeeds(database):
    """On two servers, each with its own threads and connections."""
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        for n in range(4):
            answers = threads.map(lambda site, n=n: post(site, email=f"{n}@example.com"), (one, other))
            assert sorted(answer.status_code for answer in answers) == [201, 409]
        assert one.rows("SELECT count(*) FROM users") == [(4,)]


def test_a_wrong_password_and_an_unknown_email_get_the_same_response(site):
    sign_up(site)
    wrong, unknown = try_login(site, password="something else"), try_login(site, "nobody")
    for answer in (wrong, unknown):
        assert_error(answer, 401, "wrong_credentials")
    assert wrong.data == unknown.data
    for answer in (wrong, unknown):
        del answer.headers["X-Request-Id"]  # unique for each response
    assert sorted(wrong.headers) == sorted(unknown.headers)


def test_a_disabled_user_gets_the_response_of_an_unknown_email_and_loses_all_sessions(site):
    person = sign_up(site)
    disable(site, person.email)
    assert_error(try_login(site), 401, "wrong_credentials")
    assert_error(person.get(ME), 401, "invalid_token")
    disable(site, person.email, disabled=False)
    assert log_in(site).id == person.id
    assert_error(person.get(ME), 401, "invalid_token")  # the old session does not come back
    person = log_in(site)
    site.rows("UPDATE users SET disabled_ms = 1")
    assert_error(person.get(ME), 401, "invalid_token")
    assert_error(person.renew(), 401, "invalid_token")


def test_two_domains_that_idna_2008_distinguishes_are_two_accounts(site):
    first, second = sign_up(site, email="ayesha@faß.example"), sign_up(site, email="ayesha@fass.example")
    assert first.id != second.id
    for spelling in ("AYESHA@FAẞ.EXAMPLE", "ayesha@XN--FA-HIA.example"):
        assert log_in(site, email=spelling).id == first.id, spelling
    assert log_in(site, email="ayesha@FASS.example").id == second.id


@pytest.mark.parametrize(
    ("email", "in_ascii"),
    [
        ("rahim@উদাহরণ.example", "rahim@xn--d5b6ci4b4b3a.example"),
        ("rahim@ශ්‍රී.example", "rahim@xn--10cl1a0b660p.example"),  # with a joiner
        ("rahim@ΒΌΛΟΣ.example", "rahim@xn--nxasmq6b.example"),  # one capital letter has two small ones
        ("rahim@例え。テスト", "rahim@xn--r8jz45g.xn--zckzah"),
    ],
)
def test_a_domain_in_any_script_and_in_ascii_is_one_account(site, email, in_ascii):
    person = sign_up(site, email=email)
    assert person.get(ME).json["email"] == email
    assert log_in(site, email=in_ascii).id == person.id
    assert_error(post(site, email=in_ascii), 409, "email_taken")


def change(person, **fields):
    return person.patch(ME, json={"password": PASSWORD, **fields})


def test_a_change_of_the_name_needs_the_password_and_changes_no_other_field(site, ayesha):
    answer = change(ayesha, name="  Ayesha   Siddiqua ", email=None)
    assert answer.status_code == 200
    account = {"id": ayesha.id, "email": "ayesha@example.com", "name": "Ayesha Siddiqua", "is_admin": False}
    assert answer.json == account | {"appear_offline": False}
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
    assert_error(change(ayesha, email="no email"), 400, "invalid_input", "email")
    assert_error(ayesha.patch(ME, json={"name": "Karim"}), 400, "invalid_input", "password")
    wrong = ayesha.patch(ME, json={"name": "Karim", "password": "rickshaw at noon"})
    assert_error(wrong, 401, "wrong_credentials")
    assert ayesha.get(ME).json["name"] == "Ayesha Siddiqua"


def test_a_new_email_is_unconfirmed_and_works_for_logins_instead_of_the_old_one(site, ayesha):
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


@pytest.mark.parametrize("new_values", ["email = 'own@example.com', verified_ms = 1", "password = 'of the new owner'"])
def test_a_change_is_refused_if_the_email_or_the_password_changed_during_the_call(
    site, ayesha, monkeypatch, new_values
):
    """A late request could move an account that another owner has just taken over."""
    change_profile = Accounts.change_profile

    def change_late(*args):
        site.rows(f"UPDATE users SET {new_values}")
        return change_profile(*args)

    monkeypatch.setattr(Accounts, "change_profile", change_late)
    assert_error(change(ayesha, email="AYESHA@example.com"), 401, "wrong_credentials")
    assert site.rows("SELECT email FROM users WHERE email = 'AYESHA@example.com'") == []


def test_a_new_email_needs_a_code_while_two_step_login_is_on(site, ayesha):
    """Otherwise a thief of a session and a password could remove the app by a password reset."""
    app = turn_on(ayesha)
    assert change(ayesha, name="Ayesha Siddiqua", email="AYESHA@example.com").status_code == 200, "it is the same one"
    for code in ({}, {"code": "1"}):
        assert_error(change(ayesha, email="siddiqua@example.com", **code), 401, "wrong_code")
    assert change(ayesha, email="siddiqua@example.com", code=app.next_code()).status_code == 200
