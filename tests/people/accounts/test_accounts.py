"""Accounts: signing up, logging in, and refusals."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, bare, disable, log_in, send, sign_up, try_login
from support.people.communities import found

SIGNUP, LOGIN, ME = "/api/auth/signup", "/api/auth/login", "/api/auth/me"
SQL = "x'); DROP TABLE users; --"


def post(site, path=SIGNUP, **fields):
    return send(bare(site), path, {"email": "ayesha@example.com", "password": PASSWORD, **fields})


def test_signup_answers_with_the_account_and_logs_it_in(site):
    answer = post(site, name="Ayesha")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    assert set(answer.json) == {"access_token", "refresh_token", "user"}
    user = answer.json["user"]
    assert user == {"id": str(UUID(user["id"])), "email": "ayesha@example.com", "name": "Ayesha", "is_admin": False}
    me = bare(site).get(ME, headers={"Authorization": f"Bearer {answer.json['access_token']}"})
    assert (me.status_code, me.json, me.headers["Cache-Control"]) == (200, user, "no-store")


def test_login_begins_another_session_of_the_same_user_however_the_address_is_spelled(site):
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


def test_names_are_kept_as_they_are_or_made_to_fit(site):
    names = {SQL: SQL, "আয়েশা": "আয়েশা", " Ayesha\n Khatun ": "Ayesha Khatun", "n" * 10_000: "n" * 200}
    names |= {"a\0b": "a\ufffdb", "a\ud800b": "a\ufffdb", "  ": "u6"}
    made = [post(site, email=f"u{n}@example.com", name=name).json["user"]["name"] for n, name in enumerate(names)]
    assert made == [*names.values()]
    assert site.rows("SELECT name FROM users ORDER BY email") == [(kept,) for kept in names.values()]


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


def test_field_that_cannot_be_used_is_named_and_nothing_is_made(site):
    for field, values in BAD.items():
        for bad in values:
            assert_error(post(site, **{field: bad}), 400, "invalid_input", field)
    assert site.rows("SELECT count(*) FROM users") == [(0,)]
    for path in (SIGNUP, LOGIN):
        assert_error(bare(site).post(path, json={}), 400, "invalid_input", "email", "password")


def test_password_of_8_to_128_characters_is_one_whatever_they_are(site):
    for number, good in enumerate(("x" * 8, "x" * 128, " " * 8, "রিকশায় ভোরবেলা", "nul\0nul\0")):
        person = sign_up(site, f"user{number}", password=good)
        assert log_in(site, f"user{number}", password=good).id == person.id
        assert_error(try_login(site, f"user{number}", password=good + "x"), 401, "wrong_credentials")
    stored = site.rows("SELECT password FROM users")
    assert all(kept.startswith("$argon2id$") for (kept,) in stored), "nothing but the hash is kept"
    assert "রিকশায় ভোরবেলা" not in str(site.rows("SELECT * FROM users"))


def test_one_of_two_concurrent_signups_with_one_address_succeeds(database):
    """On two servers, each with its own threads and connections."""
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        for n in range(4):
            answers = threads.map(lambda site, n=n: post(site, email=f"{n}@example.com"), (one, other))
            assert sorted(answer.status_code for answer in answers) == [201, 409]
        assert one.rows("SELECT count(*) FROM users") == [(4,)]


def test_wrong_password_and_unknown_address_are_one_answer(site):
    sign_up(site)
    wrong, unknown = try_login(site, password="something else"), try_login(site, "nobody")
    for answer in (wrong, unknown):
        assert_error(answer, 401, "wrong_credentials")
    assert wrong.data == unknown.data
    for answer in (wrong, unknown):
        del answer.headers["X-Request-Id"]  # unique for each response
    assert sorted(wrong.headers) == sorted(unknown.headers)


def test_disabled_user_gets_the_answer_of_a_stranger(site):
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


def test_login_with_a_visitor_id_is_a_conversion_unless_it_fails(site):
    site.register("visitor_1", communityId=found(sign_up(site))["id"])
    try_login(site, password="something else", visitorId="visitor_1")
    assert site.rows("SELECT count(*) FROM conversions") == [(0,)]
    log_in(site, visitorId="visitor_1")
    assert site.rows("SELECT count(*) FROM conversions") == [(1,)]
