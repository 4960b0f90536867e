"""Sessions: renewal, what revokes them, the list, and the cookies that open pages."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from support.application.site import SECRET, Site, assert_error
from support.people.accounts import PASSWORD, Person, bare, log_in, sign_up, try_login
from support.people.communities import losses as losses_of
from support.people.page_readers import Reader, tokens_in, words

from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.people.accounts.queries import TOGETHER_MS
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.login.claims import Tokens

ME, LOGOUT, PASSWORDS = "/api/auth/me", "/api/auth/logout", "/api/auth/password"
NEW_PASSWORD = "launch at dusk"
SESSIONS = "/api/auth/sessions"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-A155F) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
ACTION = re.compile(r'action="/account/sessions/([^/"]+)/end"')
ADDRESS = "103.48.16.1"  # an address in Bangladesh
ACCESS, REFRESH, CSRF = "access_token_cookie", "refresh_token_cookie", "csrf_refresh_token"


@pytest.fixture
def losses(site):
    """Count calls to the hook."""
    versions = []
    site.services.signals.access_revoked.connect(lambda whose: versions.append(losses_of(site)), weak=False)
    return versions


def lives(person: Person) -> bool:
    answer = person.get(ME)
    if answer.status_code != 200:
        assert_error(answer, 401, "invalid_token")
    return answer.status_code == 200


def change(person: Person, current: str = PASSWORD, new: str = NEW_PASSWORD):
    return person.post(PASSWORDS, json={"current_password": current, "new_password": new})


def test_a_refresh_returns_a_new_pair_of_tokens_of_the_same_session(site, losses):
    person = sign_up(site)
    before = (person.access, person.refresh)
    answer = person.renew()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert set(answer.json) == {"access_token", "refresh_token", "user"}
    assert {**answer.json["user"], "appear_offline": False} == person.get(ME).json
    assert not {person.access, person.refresh} & set(before)
    assert person.get(ME, token=before[0]).status_code == 200  # the old access token works until it expires
    assert site.rows("SELECT count(*) FROM sessions") == [(1,)]
    assert losses == []


def test_a_reused_refresh_token_revokes_the_session(site, losses):
    person = sign_up(site)
    stolen = Person(site, person.id, person.email, person.access, person.refresh)
    assert person.renew().status_code == 200
    site.time.pass_(seconds=10)
    assert_error(stolen.renew(), 401, "invalid_token")
    assert not lives(person)
    assert_error(person.renew(), 401, "invalid_token")
    assert losses == [1]
    line = site.rows("SELECT action, target_id FROM audit_log ORDER BY id DESC LIMIT 1")
    assert line == [("session.replay", person.id)]


def test_a_refresh_token_reused_within_10_s_is_only_refused(site, losses):
    person = sign_up(site)
    tab = Person(site, person.id, person.email, person.access, person.refresh)
    assert person.renew().status_code == 200
    site.time.pass_(seconds=9.9)
    assert_error(tab.renew(), 401, "invalid_token")
    assert lives(person)
    assert person.renew().status_code == 200
    assert losses == []


def test_a_refresh_token_sent_to_two_servers_at_once_is_renewed_once(database):
    """The token is sent to two servers."""
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        for name in ("ayesha", "karim", "nila"):
            person = sign_up(one, name)
            shown = [Person(site, person.id, person.email, person.access, person.refresh) for site in (one, other)]
            answers = threads.map(Person.renew, shown)
            assert sorted(answer.status_code for answer in answers) == [200, 401]
            assert lives(person)
        assert losses_of(one) == 0


def test_a_logout_revokes_both_tokens_of_its_session_and_no_other_session(site, losses):
    person, elsewhere, somebody = sign_up(site), log_in(site), sign_up(site, "karim")
    with Site(site.database_url) as other:
        there = Person(other, person.id, person.email, person.access, person.refresh)
        assert lives(there)
        assert person.post(LOGOUT).status_code == 204
        assert not lives(there), "nor on another server"
    assert not lives(person)
    assert_error(person.renew(), 401, "invalid_token")
    assert lives(elsewhere)
    assert lives(somebody)
    assert person.post(LOGOUT).status_code == 204, "twice is no error"
    assert losses == [1], "and no second loss"
    assert elsewhere.post(LOGOUT, token=elsewhere.refresh).status_code == 204
    assert not lives(elsewhere)
    assert_error(bare(site).post(LOGOUT), 401, "unauthenticated")


def test_a_session_ends_30_days_after_its_last_renewal(site):
    person = sign_up(site)
    site.time.pass_(days=29)
    assert person.renew().status_code == 200
    site.time.pass_(days=29)
    assert lives(person)
    site.time.pass_(days=1)
    assert not lives(person)
    assert_error(person.renew(), 401, "invalid_token")


def test_a_new_password_needs_the_current_one_and_revokes_all_other_sessions(site, losses):
    person, elsewhere, somebody = sign_up(site), log_in(site), sign_up(site, "karim")
    assert_error(change(person, current="something else"), 401, "wrong_credentials")
    assert_error(change(person, new="short"), 400, "invalid_input", "new_password")
    assert (lives(elsewhere), losses) == (True, [])
    assert change(person).status_code == 204
    assert (lives(person), lives(elsewhere), lives(somebody)) == (True, False, True)
    assert person.renew().status_code == 200
    assert losses == [1]
    assert_error(try_login(site), 401, "wrong_credentials")
    assert log_in(site, password=NEW_PASSWORD).id == person.id
    site.services[AccountServices].credentials.set_password("AYESHA@example.com", PASSWORD)
    assert not lives(person), "the operator's new password revokes all sessions"


def listed(person) -> list[dict]:
    answer = person.get(SESSIONS)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    return answer.json


def log_in_from(site) -> None:
    answer = try_login(site, environ={"HTTP_USER_AGENT": PHONE, "REMOTE_ADDR": ADDRESS})
    assert answer.status_code == 200, answer.text


def test_the_list_of_sessions_shows_browser_system_place_and_start_but_no_address(site):
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


def test_a_user_revokes_one_or_all_other_sessions_but_none_of_another_user(site):
    here, there, third, stranger = sign_up(site), log_in(site), log_in(site), sign_up(site, "karim")
    lost: list[str] = []
    site.services.signals.access_revoked.connect(lost.append, weak=False)
    own, theirs = (site.services[Tokens].read(person.access).session_id for person in (there, stranger))
    assert here.delete(f"{SESSIONS}/{own}").status_code == 204
    assert_error(there.get(ME), 401, "invalid_token")
    assert_error(there.renew(), 401, "invalid_token")
    assert (lives(third), lost) == (True, [own])
    for session_id in (own, theirs, "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "%00", "' OR 1=1 --"):
        assert_error(here.delete(f"{SESSIONS}/{session_id}"), 404, "unknown_session")
    assert sorted(session["current"] for session in listed(here)) == [False, True]
    for _ in range(2):
        assert here.delete(SESSIONS).status_code == 204
        assert [lives(person) for person in (here, third, stranger)] == [True, False, True]
    details = site.rows("SELECT details, actor, target FROM audit_log WHERE action = 'session.revoke' ORDER BY id DESC")
    assert details[0] == ('{"sessions": 1}', "Ayesha", "ayesha@example.com")
    assert [session["current"] for session in listed(here)] == [True]


def test_the_account_page_lists_the_newest_sessions_first_and_revokes_all_others(site):
    reader = Reader(site).sign_up("ayesha")
    log_in_from(site)
    page = reader.get("/account")
    assert "Chrome on Android" in words(page)
    (session_id,) = ACTION.findall(page)  # all but the current session
    reader.confirm(f"/account/sessions/{session_id}/end")
    assert ACTION.findall(reader.get("/account")) == []
    for _ in range(21):
        log_in_from(site)
    shown, _, hidden = reader.get("/account").partition('<details class="rows">')
    assert "This session" in words(shown)
    assert len(ACTION.findall(shown)) == 2
    assert len(ACTION.findall(hidden)) >= 17, "the others of the newest 20"


def test_guesses_at_an_existing_account_leave_at_most_two_audit_entries_an_hour(site):
    sign_up(site)
    for name in ("ayesha", "nobody"):
        for n in range(51):
            answer = try_login(site, name, {"REMOTE_ADDR": f"103.48.16.{n % 6}"}, password="wrong")
        assert answer.status_code == 429
    lines = site.rows("SELECT target, details FROM audit_log WHERE action = 'login.fail'")
    assert [(target, json.loads(details)["failures"]) for target, details in lines] == [
        ("ayesha@example.com", 1),
        ("ayesha@example.com", 49),
    ]


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


def test_an_expired_access_token_with_its_refresh_token_opens_pages_which_renew_no_token(site, ayesha):
    before = site.rows("SELECT refresh_id, renewed_ms FROM sessions")
    expired = changed(cookie(ayesha, ACCESS), exp=1)
    reader = showing(site, expired, cookie(ayesha, REFRESH))
    assert opens(reader)
    assert site.rows("SELECT refresh_id, renewed_ms FROM sessions") == before
    (field,) = {jwt.decode(expired, options={"verify_signature": False})["csrf"]}
    assert tokens_in(reader.get("/account")) == {field}
    reader.send("/logout", csrf_token=field)
    assert not opens(ayesha)


def test_an_expired_access_token_without_its_sessions_refresh_token_opens_no_page(site, ayesha):
    token, refresh = cookie(ayesha, ACCESS), cookie(ayesha, REFRESH)
    assert opens(showing(site, token))
    expired, karim = changed(token, exp=1), Reader(site).sign_up("karim")
    elsewhere = Reader(site).log_in("ayesha")
    others = [cookie(karim, REFRESH), cookie(elsewhere, REFRESH), changed(refresh, exp=1)]
    for useless in (None, token, expired, "x", *others):
        assert not opens(showing(site, expired, useless)), useless
    for second in (None, refresh):
        assert not opens(showing(site, refresh, second)), "a refresh token is no access token"


def test_a_refresh_token_opens_pages_for_10_s_after_it_was_renewed(site, ayesha):
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
