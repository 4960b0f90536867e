"""Turning an authenticator app on and off, new recovery codes, and REQUIRE_TWO_FACTOR."""

import re
from collections.abc import Callable

import pytest
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import PASSWORD, bare, bearer, log_in, promote, sign_up, try_login
from support.people.communities import site_admin
from support.people.routes import method_of
from support.people.two_step import CONFIRM, TOTP, App, first_step, log_in_with, second_step, turn_on

from koyjabo.base.core.errors import Forbidden
from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.login.claims import Tokens

CODES = "/api/auth/recovery-codes"
ME = "/api/auth/me"
CODE = r"(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}"


@pytest.fixture
def new_site(sqlite_database):
    """Start sites on one database, one after another, with different values of REQUIRE_TWO_FACTOR."""
    made: list[Site] = []

    def make(policy: str, **settings: str) -> Site:
        for site in made:
            site.close()
        time = made[-1].time if made else None
        made.append(Site(sqlite_database.url, time, REQUIRE_TWO_FACTOR=policy, **settings))
        return made[-1]

    yield make
    made[-1].close()


def begin(person):
    return person.post(TOTP, json={"password": PASSWORD})


def test_an_authenticator_app_works_once_its_first_code_is_confirmed(site, ayesha):
    answer = begin(ayesha)
    assert set(answer.json) == {"secret", "uri", "svg"}
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert re.fullmatch("[A-Z2-7]{32}", answer.json["secret"])
    uri = f"otpauth://totp/Koy%20Jabo:ayesha%40example.com?secret={answer.json['secret']}&issuer=Koy%20Jabo"
    assert answer.json["uri"] == uri
    assert answer.json["svg"].startswith("<svg")
    app = App(site, answer.json["secret"])
    assert "access_token" in try_login(site).json
    assert_error(ayesha.post(CONFIRM, json={"code": "12345"}), 401, "wrong_code")
    confirmed = ayesha.post(CONFIRM, json={"code": app.code()})
    codes = confirmed.json["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(CODE, code) for code in codes)
    assert first_step(site).methods == ["totp", "recovery"]
    state = ayesha.get("/api/auth/second-factor")
    assert state.json == {"totp": True, "recovery_codes": 10}
    for described in (answer, confirmed, state):
        assert_described(site, described)


def test_an_app_needs_the_password_a_code_within_ten_minutes_and_no_other_app(site, ayesha):
    assert_error(ayesha.post(TOTP, json={}), 400, "invalid_input", "password")
    assert_error(ayesha.post(TOTP, json={"password": "wrong one"}), 401, "wrong_credentials")
    assert site.rows("SELECT count(*) FROM totp_secrets") == [(0,)]
    late = App(site, begin(ayesha).json["secret"])
    site.time.pass_(minutes=10)
    assert_error(ayesha.post(CONFIRM, json={"code": late.code()}), 409, "no_second_factor")
    old, app = App(site, begin(ayesha).json["secret"]), App(site, begin(ayesha).json["secret"])
    assert ayesha.post(CONFIRM, json={"code": old.code()}).status_code == 401
    other = log_in(site)
    assert ayesha.post(CONFIRM, json={"code": app.code()}).status_code == 200
    assert (ayesha.get(ME).status_code, other.get(ME).status_code, other.renew().status_code) == (200, 401, 401)
    assert_error(begin(ayesha), 409, "second_factor_on")
    assert_error(ayesha.post(CONFIRM, json={"code": app.next_code()}), 409, "no_second_factor")


def test_the_app_is_turned_off_only_with_the_password_and_a_code(site, ayesha):
    assert_error(ayesha.post(CODES, json={"password": PASSWORD}), 409, "no_second_factor")
    app = turn_on(ayesha)
    assert_error(ayesha.post(CODES, json={"password": PASSWORD}), 401, "wrong_code")
    renewed = ayesha.post(CODES, json={"password": PASSWORD, "code": app.recovery_codes[0]})
    new = renewed.json["recovery_codes"]
    assert len(new) == 10
    assert log_in_with(site, app.recovery_codes[1]).status_code == 401
    logged_in = log_in_with(site, new[0])
    assert logged_in.status_code == 200
    for described in (renewed, logged_in):
        assert_described(site, described)
    code = app.next_code()
    for body, error in (
        ({"code": code}, "invalid_input"),
        ({"password": "wrong one", "code": code}, "wrong_credentials"),
        ({"password": PASSWORD}, "wrong_code"),
        ({"password": PASSWORD, "code": "1"}, "wrong_code"),
    ):
        assert ayesha.delete(TOTP, json=body).json["code"] == error
    assert ayesha.delete(TOTP, json={"password": PASSWORD, "code": code}).status_code == 204
    assert "access_token" in try_login(site).json
    assert site.rows("SELECT count(*) FROM totp_secrets UNION SELECT count(*) FROM recovery_codes") == [(0,)]
    assert_error(ayesha.delete(TOTP, json={"password": PASSWORD}), 409, "no_second_factor")


def test_an_admin_resets_the_two_step_login_of_other_users_only(site, ayesha):
    admin, users = site_admin(site), site.services[AccountServices].users
    turn_on(ayesha)
    with pytest.raises(Forbidden):
        users.reset_two_step_login(admin, admin.id)
    assert users.reset_two_step_login(admin, ayesha.id).second_factor_ms is None
    assert ayesha.get(ME).status_code == 401
    assert "access_token" in try_login(site).json
    assert site.rows("SELECT actor FROM audit_log WHERE action = 'second_factor.reset'") == [("Boss",)]
    assert log_in_with(site, turn_on(log_in(site)).next_code()).status_code == 200, "set up again in the same 30 s"


def change_during(monkeypatch, site: Site, change: Callable[[], object]) -> None:
    """Make a change while the next login's password is verified, which may take a long time when the queue is busy."""
    passwords = site.services[AccountServices].credentials._passwords
    matches = passwords.matches

    def changed(*args):
        monkeypatch.undo()
        change()
        return matches(*args)

    monkeypatch.setattr(passwords, "matches", changed)


def live_sessions(site: Site) -> int:
    return site.rows("SELECT count(*) FROM sessions WHERE revoked_ms IS NULL")[0][0]


def test_a_login_that_began_before_the_app_was_turned_on_needs_a_code(site, ayesha, monkeypatch):
    change_during(monkeypatch, site, lambda: turn_on(ayesha))
    assert first_step(site).methods == ["totp", "recovery"]
    assert live_sessions(site) == 1


def enrolling(site: Site, name: str = "ayesha") -> str:
    """Start a login that must set up two-step login, and return its token."""
    answer = try_login(site, name)
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])
    assert answer.json == {"second_factor": {"enrol": True, "token": answer.json["second_factor"]["token"]}}
    return answer.json["second_factor"]["token"]


def test_a_user_who_sets_up_required_two_step_login_is_logged_in(new_site):
    site = new_site("all")
    answer = bare(site).post("/api/auth/signup", json={"email": "ayesha@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (200, [])
    headers = bearer(answer.json["second_factor"]["token"])
    setup = bare(site).post(TOTP, headers=headers)
    app = App(site, setup.json["secret"])
    assert bare(site).post(CONFIRM, json={"code": "1"}, headers=headers).status_code == 401
    answer = bare(site).post(CONFIRM, json={"code": app.code()}, headers=headers)
    for described in (setup, answer):
        assert_described(site, described)
    assert set(answer.json) == {"recovery_codes", "access_token", "refresh_token", "user"}
    assert "access_token_cookie" in str(answer.headers)
    assert bare(site).get(ME, headers=bearer(answer.json["access_token"])).status_code == 200
    assert bare(site).post(CONFIRM, json={"code": app.next_code()}, headers=headers).status_code == 401, "once"


def test_the_setup_token_permits_no_other_call(new_site):
    site = new_site("none")
    sign_up(site)
    site = new_site("all")
    headers, answers = bearer(enrolling(site)), {}
    for rule in site.app.url_map.iter_rules():
        if rule.rule.startswith(("/api/auth/", "/api/communities")):
            path = re.sub(r"<[^<>]+>", "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", rule.rule)
            answer = bare(site).open(path, method=method_of(rule), headers=headers, json={})
            answers[rule.endpoint] = answer.status_code
    without_login = {"api_auth.sign_up", "api_auth.log_in", "api_second_factor.second_factor"}
    without_login.add("api_auth.request_password_reset")
    refused = {endpoint for endpoint, status in answers.items() if status == 401}
    assert refused == set(answers) - without_login - {"api_second_factor.begin_totp", "api_second_factor.confirm_totp"}
    assert second_step(site, headers["Authorization"].partition(" ")[2], "1").status_code == 401


def test_the_setups_of_required_two_step_login_are_limited_by_address(new_site):
    site = new_site("all", RATE_LIMIT_LOGINS="4")
    body, peer = {"email": "ayesha@example.com", "password": PASSWORD}, {"REMOTE_ADDR": "203.0.113.9"}
    answer = bare(site).post("/api/auth/signup", json=body)
    request = {"headers": bearer(answer.json["second_factor"]["token"]), "environ_overrides": peer}
    assert [bare(site).post(TOTP, **request).status_code for _ in range(5)] == [200] * 4 + [429]


def test_a_start_that_requires_two_step_login_of_admins_revokes_only_their_sessions(new_site):
    site = new_site("none")
    ayesha, with_one, admin = sign_up(site), sign_up(site, "karim"), sign_up(site, "rani")
    turn_on(with_one)
    promote(site, admin.email)
    for policy, statuses in (("admins", (200, 200, 401)), ("all", (401, 200, 401))):
        site = new_site(policy)
        answers = [bare(site).get(ME, headers=bearer(person.access)) for person in (ayesha, with_one, admin)]
        assert tuple(answer.status_code for answer in answers) == statuses
        enrolling(site, "rani")
        assert ("access_token" in try_login(site).json) == (policy == "admins")


def test_a_new_admin_without_required_two_step_login_has_to_set_it_up(new_site, monkeypatch):
    """Includes a user who becomes an admin while logging in."""
    site = new_site("admins")
    ayesha, karim = sign_up(site), sign_up(site, "karim")
    turn_on(karim)
    promote(site, karim.email)
    change_during(monkeypatch, site, lambda: promote(site, ayesha.email))
    enrolling(site)
    assert (ayesha.get(ME).status_code, karim.get(ME).status_code) == (401, 200)
    assert live_sessions(site) == 1
    enrolling(site)


def test_the_setup_token_expires_once_two_step_login_is_on(new_site):
    """Otherwise the password would suffice after an app was set up in a session."""
    site = new_site("admins")
    ayesha = sign_up(site)
    promote(site, ayesha.email)
    headers = bearer(enrolling(site))
    promote(site, ayesha.email, is_admin=False)
    app = turn_on(log_in(site))
    assert_error(bare(site).post(TOTP, headers=headers), 401, "second_factor_expired")
    confirmed = bare(site).post(CONFIRM, json={"code": app.next_code()}, headers=headers)
    assert_error(confirmed, 401, "second_factor_expired")


def test_a_session_without_required_two_step_login_is_refused_on_pages_calls_and_sockets(new_site):
    """Happens while several servers are upgraded, or when a command runs without the setting."""
    site = new_site("admins")
    with Site(site.database_url, site.time) as other:
        ayesha, with_one, karim = sign_up(other), sign_up(other, "rani"), sign_up(other, "karim")
        turn_on(with_one)
        for admin in (ayesha, with_one):
            promote(other, admin.email)
    for person, status in ((ayesha, 401), (with_one, 200), (karim, 200)):
        browser = site.app.test_client()
        browser.set_cookie("access_token_cookie", person.access)
        page = browser.get("/account", headers={"Accept": "text/html"})
        assert page.status_code == (200 if status == 200 else 303)
        assert bare(site).get(ME, headers=bearer(person.access)).status_code == status
        session_id = site.services[Tokens].read(person.access).session_id
        assert site.services[CommunityServices].permissions.is_live(session_id, None) == (status == 200), "for sockets"
        assert bare(site).post("/api/auth/refresh", headers=bearer(person.refresh)).status_code == status


def test_a_user_who_turns_off_required_two_step_login_loses_all_sessions(new_site):
    site = new_site("none")
    ayesha = sign_up(site)
    app = turn_on(ayesha)
    site = new_site("all")
    body = {"password": PASSWORD, "code": app.recovery_codes[0]}
    assert bare(site).delete(TOTP, json=body, headers=bearer(ayesha.access)).status_code == 204
    assert bare(site).get(ME, headers=bearer(ayesha.access)).status_code == 401
    enrolling(site)
