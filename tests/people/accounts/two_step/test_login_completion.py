"""Two-step login codes: what they are valid for, how often and for how long, and the password entered before them."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, bare, bearer, disable, sign_up
from support.people.admins import last_line
from support.people.communities import found
from support.people.two_step import first_step, log_in_with, second_step, turn_on

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.two_step import queries
from koyjabo.people.accounts.two_step.queries import MAX_CODE_GUESSES

WRONG = "000000"


@pytest.fixture
def app(ayesha):
    app = turn_on(ayesha)
    app.site.time.pass_(minutes=5)
    return app


def wrong(app) -> str:
    near = {app.code(steps) for steps in (-1, 0, 1)}
    return next(code for code in (WRONG, "111111", "222222", "333333") if code not in near)


def test_an_app_code_is_valid_once_within_one_period_before_or_after_its_own(site, ayesha):
    app = turn_on(ayesha)
    assert log_in_with(site, app.code()).status_code == 401, "the one that turned it on is used"
    site.time.pass_(minutes=5)
    statuses = {steps: log_in_with(site, app.code(steps)).status_code for steps in (-2, 2, 0, -1, 1)}
    assert statuses == {-2: 401, 2: 401, 0: 200, -1: 200, 1: 200}
    assert_error(log_in_with(site, app.code()), 401, "wrong_code")
    site.time.pass_(minutes=5)
    bangla, code = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"), app.code()
    assert log_in_with(site, f" {code[:3]} {code[3:]} ".translate(bangla)).status_code == 200


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_a_code_sent_to_two_servers_at_once_works_only_once(site, app, kind):
    code = app.code() if kind == "totp" else app.recovery_codes[0]
    with Site(site.database_url, site.time) as other, ThreadPoolExecutor(4) as threads:
        tries = [(server, first_step(server).token) for server in (site, other, site, other)]
        statuses = threads.map(lambda where: second_step(*where, code).status_code, tries)
    assert sorted(statuses) == [200, 401, 401, 401]


def test_a_recovery_code_works_once_in_any_spelling(site, app):
    code = app.recovery_codes[3]
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert log_in_with(site, typed).status_code == 200
    assert log_in_with(site, code).status_code == 401
    assert log_in_with(site, app.recovery_codes[4]).status_code == 200
    assert site.rows("SELECT count(*) FROM recovery_codes") == [(8,)]


def test_five_wrong_codes_end_a_two_step_login(site, app):
    token = first_step(site).token
    codes = [second_step(site, token, wrong(app)) for _ in range(5)]
    assert [answer.json["code"] for answer in codes] == ["wrong_code"] * 4 + ["second_factor_expired"]
    assert_error(second_step(site, token, app.code()), 401, "second_factor_expired")
    assert last_line(site)[1] == "second_factor.fail"
    assert log_in_with(site, app.code()).status_code == 200


def test_a_two_step_login_is_open_for_ten_minutes_and_completed_once(site, app):
    late, in_time = first_step(site).token, first_step(site).token
    site.time.pass_(minutes=10, milliseconds=-1)
    assert second_step(site, in_time, app.code()).status_code == 200
    assert_error(second_step(site, in_time, app.recovery_codes[0]), 401, "second_factor_expired")
    site.time.pass_(milliseconds=1)
    assert_error(second_step(site, late, app.next_code()), 401, "second_factor_expired")


CHANGES = {
    "disabled": lambda site, person: disable(site, person.email),
    "password": lambda site, person: site.services[AccountServices].credentials.set_password(person.email, PASSWORD),
    "reset": lambda site, person: site.services[AccountServices].users.reset_two_step_login(OPERATOR, person.id),
}


def test_a_change_of_the_account_ends_its_pending_two_step_logins(site, app, ayesha):
    for what, change in CHANGES.items():
        token = first_step(site).token
        change(site, ayesha)
        answer = second_step(site, token, app.code())
        assert (what, answer.status_code, answer.json["code"]) == (what, 401, "second_factor_expired")
        disable(site, ayesha.email, disabled=False)


def test_two_servers_whose_clocks_differ_by_nearly_an_hour_share_one_limit_of_codes(site, app, ayesha):
    write, accepted = site.services[AccountServices].enrolment._database.write, 0
    with suppress(TooManyRequests):
        for number in range(2 * MAX_CODE_GUESSES):
            ahead_ms = 0 if number % 2 else 3_599_000
            write(queries.count_guess, ayesha.id, site.time.ms + number * 1000 + ahead_ms)
            accepted += 1
    assert accepted == MAX_CODE_GUESSES


def test_a_clock_that_was_a_year_ahead_while_it_counted_wrong_codes_locks_no_account(site, app):
    later = {"ms": site.time.ms + 365 * 86_400_000, "most": MAX_CODE_GUESSES}
    site.rows("UPDATE totp_secrets SET guesses = :most, guessing_ms = :ms", **later)
    assert log_in_with(site, app.next_code()).status_code == 200


def test_an_account_that_lost_its_app_in_an_upgrade_needs_a_recovery_code(site, app, ayesha):
    """Its only methods were passkeys. The password is not enough, also when it has no code left."""
    site.rows("DELETE FROM totp_secrets")
    assert first_step(site).methods == ["recovery"]
    assert second_step(site, first_step(site).token, app.recovery_codes[0]).status_code == 200
    site.rows("DELETE FROM recovery_codes")
    due = first_step(site)
    assert due.methods == ["recovery"]
    assert_error(second_step(site, due.token, app.recovery_codes[1]), 401, "wrong_code")
    assert_error(bare(site).post("/api/auth/totp", headers=bearer(due.token)), 401, "second_factor_expired")


def test_app_codes_are_limited_after_30_wrong_ones_an_hour_but_recovery_codes_work(site, app):
    for _ in range(MAX_CODE_GUESSES // 5):
        token = first_step(site).token
        assert [second_step(site, token, wrong(app)).status_code for _ in range(5)] == [401] * 5
    token = first_step(site).token
    answer = second_step(site, token, app.code())
    assert_error(answer, 429, "rate_limited")
    assert 3500 < int(answer.headers["Retry-After"]) <= 3601
    assert second_step(site, token, app.recovery_codes[0]).status_code == 200
    site.time.pass_(hours=1)
    assert log_in_with(site, app.code()).status_code == 200


def test_a_remembered_browser_needs_no_code_for_30_days_or_until_a_new_password(site, app):
    browser = site.app.test_client()
    login = {"email": "ayesha@example.com", "password": PASSWORD}
    assert second_step(site, first_step(site).token, app.code(), browser, remember=True).status_code == 200
    assert "access_token" in browser.post("/api/auth/login", json=login).json
    other = site.app.test_client()
    assert second_step(site, first_step(site).token, app.recovery_codes[0], other).status_code == 200
    assert "second_factor" in other.post("/api/auth/login", json=login).json, "one that did not ask for it"
    site.time.pass_(days=30, milliseconds=-1)
    assert "access_token" in browser.post("/api/auth/login", json=login).json
    site.time.pass_(milliseconds=1)
    assert "second_factor" in browser.post("/api/auth/login", json=login).json
    assert second_step(site, first_step(site).token, app.code(), browser, remember=True).status_code == 200
    new = {"current_password": PASSWORD, "new_password": "launch at dusk"}
    person = log_in_with(site, app.recovery_codes[1]).json
    answer = bare(site).post("/api/auth/password", json=new, headers=bearer(person["access_token"]))
    assert answer.status_code == 204
    answer = browser.post("/api/auth/login", json={**login, "password": "launch at dusk"})
    assert "second_factor" in answer.json, "a new password forgets browsers"


def test_the_cookie_of_a_remembered_browser_cannot_be_forged(site, app, ayesha):
    browser = site.app.test_client()
    second_step(site, first_step(site).token, app.code(), browser, remember=True)
    value = browser.get_cookie("remembered_browser").value
    expires, _, signature = value.partition(".")
    turn_on(sign_up(site, "karim"))
    for name, forged in (
        ("ayesha", f"{int(expires) + 1}.{signature}"),
        ("ayesha", f"{expires}.{'0' * 64}"),
        ("ayesha", "x"),
        ("karim", value),
    ):
        browser.set_cookie("remembered_browser", forged)
        login = {"email": f"{name}@example.com", "password": PASSWORD}
        assert "second_factor" in browser.post("/api/auth/login", json=login).json, (name, forged)


def test_the_visitor_of_a_two_step_login_converts_once_its_code_was_sent(site, app, ayesha):
    site.register("visitor-1", communityId=found(ayesha)["id"])
    token = first_step(site, visitorId="visitor-1").token
    assert site.rows("SELECT count(*) FROM conversions") == [(0,)]
    assert second_step(site, token, app.code()).status_code == 200
    assert site.rows("SELECT count(*) FROM conversions") == [(1,)]


def test_the_database_stores_no_secret_that_completes_a_login(site, app):
    token = first_step(site).token
    second_step(site, token, wrong(app))
    tables = ("totp_secrets", "recovery_codes", "pending_steps", "spent_codes", "audit_log", "login_failures")
    stored = str([site.rows(f"SELECT * FROM {table}") for table in tables])
    assert not re.search(rf"\b{app.code()}\b", stored)  # long random values may contain six such digits
    for secret in (token, app.secret, *app.recovery_codes, app.recovery_codes[0].replace("-", "")):
        assert secret not in stored
