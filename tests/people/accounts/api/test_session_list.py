"""Sessions: the list, what revokes them, their audit log entries, and the cookies that open pages: an access token, or
an expired one together with a live session's refresh token.
"""

import json
import re
from typing import Any

import jwt
import pytest
from support.application.site import SECRET, Site, assert_error
from support.people.accounts import log_in, sign_up, try_login
from support.people.page_readers import Reader, tokens_in, words

from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.people.accounts.queries import TOGETHER_MS
from koyjabo.web.login.claims import Tokens

SESSIONS = "/api/auth/sessions"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
ACTION = re.compile(r'action="/account/sessions/([^/"]+)/end"')
ADDRESS = "103.48.16.1"  # an address in Bangladesh


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def listed(person) -> list[dict]:
    answer = person.get(SESSIONS)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    return answer.json


def actions(site) -> list[str]:
    return [action for (action,) in site.rows("SELECT action FROM audit_log ORDER BY id")]


def log_in_from(site, user_agent: str = PHONE) -> None:
    answer = try_login(site, environ={"HTTP_USER_AGENT": user_agent, "REMOTE_ADDR": ADDRESS})
    assert answer.status_code == 200, answer.text


def test_list_says_from_where_and_since_when(site):
    here, began = sign_up(site), site.time.ms
    site.time.pass_(hours=1)
    log_in_from(site)
    there, this = listed(here)
    assert set(there) == {"id", "created_at", "renewed_at", "browser", "system", "place", "current"}
    assert (there["browser"], there["system"], there["current"]) == ("Chrome", "Android", False)
    assert there["place"] == site.services[LocationFinder].locate(ADDRESS) != "Unknown"
    assert ADDRESS not in json.dumps(site.rows("SELECT * FROM sessions"), default=str)
    assert (this["current"], this["created_at"]) == (True, "2025-12-16T04:48:38.412Z")
    assert (began, this["created_at"]) == (site.time.ms - 3_600_000, this["renewed_at"])


def test_list_has_only_what_is_ones_own_and_lives(site):
    here, gone, stranger = sign_up(site), log_in(site), sign_up(site, "karim")
    gone.post("/api/auth/logout")
    assert [session["current"] for session in listed(here)] == [True]
    site.time.pass_(days=29)
    there = log_in(site)
    site.time.pass_(days=2)
    assert [session["current"] for session in listed(there)] == [True]
    assert stranger.get(SESSIONS).status_code == 401


def test_session_that_is_ended_is_over_with_both_its_tokens(site):
    here, there, third = sign_up(site), log_in(site), log_in(site)
    lost: list[str] = []
    site.services.signals.access_revoked.connect(lost.append, weak=False)
    id = site.services[Tokens].read(there.access).session_id
    answer = here.delete(f"{SESSIONS}/{id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert_error(there.get("/api/auth/me"), 401, "invalid_token")
    assert_error(there.renew(), 401, "invalid_token")
    assert third.get("/api/auth/me").status_code == 200
    assert lost == [id]
    assert_error(here.delete(f"{SESSIONS}/{id}"), 404, "unknown_session")


def test_sessions_of_others_cannot_be_ended(site):
    here, stranger = sign_up(site), sign_up(site, "karim")
    theirs = site.services[Tokens].read(stranger.access).session_id
    for session_id in (theirs, "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "x", "%00", "' OR 1=1 --"):
        assert_error(here.delete(f"{SESSIONS}/{session_id}"), 404, "unknown_session")
    assert stranger.get("/api/auth/me").status_code == 200
    assert "session.revoke" not in actions(site)


def test_all_others_are_ended_at_once(site):
    here, there, third = sign_up(site), log_in(site), log_in(site)
    stranger = sign_up(site, "karim")
    assert here.delete(SESSIONS).status_code == 204
    assert [person.get("/api/auth/me").status_code for person in (here, there, third, stranger)] == [200, 401, 401, 200]
    assert here.delete(SESSIONS).status_code == 204  # there was none
    assert actions(site).count("session.revoke") == 1
    details = site.rows("SELECT details, actor, target FROM audit_log WHERE action = 'session.revoke'")
    assert details == [('{"sessions": 2}', "Ayesha", "ayesha@example.com")]


def test_page_shows_them_and_ends_them(site):
    reader = Reader(site).sign_up("ayesha")
    log_in_from(site)
    log_in_from(site, "curl/8.5.0")
    page = reader.get("/account")
    assert "Where you are logged in" in words(page)
    assert "Chrome on Android" in words(page)
    ids = ACTION.findall(page)
    assert len(ids) == 2  # all but the current session
    ((agent,),) = site.rows("SELECT user_agent FROM sessions WHERE id = :id", id=ids[0])
    reader.confirm(f"/account/sessions/{ids[0]}/end")
    name = "curl" if agent.startswith("curl") else "Chrome on Android"
    assert f"The session was revoked: {name}" in words(reader.get(reader.location))
    reader.confirm("/account/sessions/end")
    page = reader.get(reader.location)
    assert "All other sessions were revoked." in words(page)
    assert "Revoke all other sessions" not in words(page)
    reader.send(f"/account/sessions/{ids[1]}/end", 404)


def test_guessing_leaves_two_lines_an_hour_of_accounts_there_are(site):
    sign_up(site)
    for name in ("ayesha", "nobody"):
        for n in range(60):
            answer = try_login(site, name, {"REMOTE_ADDR": f"103.48.16.{n % 6}"}, password="wrong")
        assert answer.status_code == 429
    lines = site.rows("SELECT actor_id, actor, target, details FROM audit_log WHERE action = 'login.fail'")
    assert [json.loads(details)["failures"] for *_, details in lines] == [1, 49]
    assert {line[:3] for line in lines} == {("", "", "ayesha@example.com")}


ACCESS, REFRESH, CSRF = "access_token_cookie", "refresh_token_cookie", "csrf_refresh_token"


@pytest.fixture
def ayesha(site):
    return Reader(site).sign_up("ayesha")


def cookie(reader: Reader, name: str) -> str:
    return reader.client.get_cookie(name).value


def changed(token: str, **claims: Any) -> str:
    """The same token with changed claims and a valid signature."""
    return jwt.encode({**jwt.decode(token, options={"verify_signature": False}), **claims}, SECRET)


def showing(site: Site, access: str, refresh: str | None = None) -> Reader:
    """A browser with only these cookies."""
    reader = Reader(site)
    for name, value in ((ACCESS, access), (REFRESH, refresh)):
        if value is not None:
            reader.client.set_cookie(name, value)
    return reader


def opens(reader: Reader) -> bool:
    """Whether the account page opens; asserts that the front page shows the user in the same cases."""
    account = reader.client.get("/account", headers=reader.headers).status_code == 200
    assert ('<span class="who">Ayesha</span>' in reader.get("/")) == account
    return account


def renew(reader: Reader) -> None:
    answer = reader.client.post("/api/auth/refresh", headers={"X-CSRF-TOKEN": cookie(reader, CSRF)})
    assert answer.status_code == 200, answer.text


def test_expired_access_token_is_good_next_to_the_refresh_token_and_pages_renew_nothing(site, ayesha):
    before = site.rows("SELECT refresh_id, renewed_ms FROM sessions")
    expired = changed(cookie(ayesha, ACCESS), exp=1)
    reader = showing(site, expired, cookie(ayesha, REFRESH))
    assert opens(reader)
    assert site.rows("SELECT refresh_id, renewed_ms FROM sessions") == before
    (field,) = {jwt.decode(expired, options={"verify_signature": False})["csrf"]}
    assert tokens_in(reader.get("/account")) == {field}
    reader.send("/logout", csrf_token=field)
    assert not opens(ayesha)


def test_expired_access_token_is_nothing_without_the_refresh_token_of_its_session(site, ayesha):
    token, refresh = cookie(ayesha, ACCESS), cookie(ayesha, REFRESH)
    assert opens(showing(site, token))
    expired, karim = changed(token, exp=1), Reader(site).sign_up("karim")
    elsewhere = Reader(site).log_in("ayesha")
    others = [cookie(karim, REFRESH), cookie(elsewhere, REFRESH), changed(refresh, exp=1)]
    for useless in (None, token, expired, "x", *others):
        assert not opens(showing(site, expired, useless)), useless
    for second in (None, refresh):
        assert not opens(showing(site, refresh, second)), "a refresh token is no access token"


def test_refresh_token_that_was_renewed_opens_the_pages_for_some_seconds_more(site, ayesha):
    """One tab may send the old token while another renews it."""
    first, expired = cookie(ayesha, REFRESH), changed(cookie(ayesha, ACCESS), exp=1)
    renew(ayesha)
    second = cookie(ayesha, REFRESH)
    assert [opens(showing(site, expired, token)) for token in (first, second)] == [True, True]
    renew(ayesha)
    third = cookie(ayesha, REFRESH)
    assert [opens(showing(site, expired, token)) for token in (first, second, third)] == [False, True, True]
    site.time.pass_(seconds=TOGETHER_MS / 1000)
    assert [opens(showing(site, expired, token)) for token in (first, second, third)] == [False, False, True]
