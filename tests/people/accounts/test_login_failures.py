"""Limits on failed logins to an account from anywhere, stored in the database."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD as RIGHT, Person, sign_up, try_login

from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.accounts.throttle.guess_budget import Plan
from koyjabo.people.accounts.throttle.login_throttle import FAMILIAR_GUESS, GUESS_PLANS, LOGIN_GUESS, PASSWORD_GUESS

MOST, RESERVE = 6, 3
NETWORKS = 4  # networks that guess in turn
WRONG = {"password": "something else"}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setitem(GUESS_PLANS, LOGIN_GUESS, Plan(MOST, 60_000, 5 * MOST + RESERVE, 80_000, RESERVE))
    monkeypatch.setitem(GUESS_PLANS, FAMILIAR_GUESS, Plan(2, 1_800_000, 2, 1_800_000))
    monkeypatch.setitem(GUESS_PLANS, PASSWORD_GUESS, Plan(MOST, 600_000, MOST, 600_000))


def attempt(site: Site, name: str = "ayesha", number: int = 0, **fields: str):
    """Try to log in from the address with this number."""
    return try_login(site, name, {"REMOTE_ADDR": f"198.51.{number // 256}.{number % 256}"}, **fields)


def attempts(site: Site, times: int, name: str = "ayesha", **fields: str) -> list[int]:
    """Try from NETWORKS addresses in turn."""
    return [attempt(site, name, number % NETWORKS, **fields).status_code for number in range(times)]


def kept(site: Site) -> list[tuple]:
    return site.rows("SELECT account, failures FROM login_failures WHERE failures > 0")


def test_guesses_at_one_account_are_limited_across_addresses_without_delaying_other_networks(site):
    """The message is the same whether or not the account exists."""
    sign_up(site)
    sign_up(site, "karim")
    for name in ("ayesha", "nobody"):
        assert attempts(site, MOST, name, **WRONG) == [401] * MOST
        refused = attempt(site, name, 1)
        assert_error(refused, 429, "rate_limited")
        assert refused.headers["Retry-After"] == "60"
    assert [failures for _, failures in kept(site)] == [MOST] * 2, "refusals are not counted"
    assert attempt(site, "karim", 1).status_code == 200, "another account is free"
    assert attempt(site, "ayesha", 99).status_code == 200, "and so is a network that has not failed"


def test_a_successful_login_clears_the_failures(site):
    sign_up(site)
    assert attempts(site, MOST - 1, **WRONG) == [401] * (MOST - 1)
    assert {attempt(site).status_code for _ in range(2 * MOST)} == {200}
    assert kept(site) == []
    attempts(site, MOST, **WRONG)
    assert [attempt(site).status_code for _ in range(2 * MOST)] == [429] * 2 * MOST
    site.time.pass_(minutes=1)
    assert attempt(site).status_code == 200, "refusals use up nothing either"


def test_concurrent_guesses_on_two_workers_stay_within_the_limit(site, database):
    sign_up(site)
    with Site(database.url) as other, ThreadPoolExecutor(8) as pool:
        assert attempt(site, **WRONG).status_code == 401
        calls = [pool.submit(attempt, (site, other)[n % 2], **WRONG) for n in range(3 * MOST)]
        statuses = sorted(call.result().status_code for call in calls)
    assert statuses == [401] * (MOST - 1) + [429] * (2 * MOST + 1)


def familiar(site: Site) -> Callable[..., int]:
    sign_up(site)
    browser = site.app.test_client()

    def log_in(**fields: str) -> int:
        body = {"email": "ayesha@example.com", "password": RIGHT, **fields}
        return browser.post("/api/auth/login", json=body).status_code

    assert log_in() == 200
    return log_in


def test_the_owner_on_a_familiar_browser_neither_counts_as_a_guess_nor_waits(site):
    log_in = familiar(site)
    assert log_in(**WRONG) == 401
    assert attempts(site, MOST + 1, **WRONG) == [401] * MOST + [429]
    assert sorted(failures for _, failures in kept(site)) == [1, MOST], "in separate counts"
    assert log_in() == 200
    assert kept(site) == [], "the login clears the failures"


def test_a_stolen_familiar_cookie_has_a_small_budget_of_guesses(site):
    """Once its own budget is used up, its attempts count like any other browser's."""
    log_in = familiar(site)
    assert [log_in(**WRONG) for _ in range(2 + MOST)] == [401] * (2 + MOST)
    assert (log_in(**WRONG), log_in()) == (429, 429)
    assert attempt(site, number=99).status_code == 200, "the owner, elsewhere"


def test_an_operator_clears_all_failures_with_a_new_password_or_an_unlock(site):
    person, accounts = sign_up(site), site.services[AccountServices]
    for number, remedy in enumerate(
        (
            lambda: accounts.credentials.set_password("ayesha@example.com", RIGHT),
            lambda: accounts.users.unlock(OPERATOR, person.id),
        )
    ):
        site.time.pass_(hours=1)
        for network in range(MOST * 5 + RESERVE):
            attempt(site, "ayesha", 100 * number + network, **WRONG)
        assert attempt(site, number=100 * number + 99).status_code == 429
        remedy()
        assert kept(site) == []
        assert attempt(site).status_code == 200


def test_the_addresses_of_failed_logins_are_not_stored(site):
    attempt(site, "ayesha", 5, **WRONG)
    attempt(site, "karim", 5, **WRONG)
    states = [state for (state,) in site.rows("SELECT state FROM login_failures")]
    networks = [{*json.loads(state)["marks"]} for state in states]
    assert [len(network) for network in networks] == [1, 1]
    assert networks[0] != networks[1], "nor whether the two are the same"
    assert "198.51" not in str(states)
    assert all(len(account) == 64 and int(account, 16) for account, _ in kept(site)), "nor whose it is"


def change(person: Person, number: int, current: str = "something else", **headers: str) -> int:
    """Try to change the password with this current password, from the address with this number."""
    body = {"current_password": current, "new_password": "something new"}
    peer = {"REMOTE_ADDR": f"198.51.100.{number}"}
    return person.post("/api/auth/password", json=body, headers=headers, environ_overrides=peer).status_code


def test_guesses_at_the_current_password_are_limited_across_addresses(site):
    """The limit holds even with a stolen session and that browser's other cookies."""
    person = sign_up(site)
    (cookie,) = [cookie for cookie in attempt(site).headers.getlist("Set-Cookie") if cookie.startswith("familiar")]
    headers = {"Cookie": cookie.partition(";")[0]}
    assert [change(person, number, **headers) for number in range(MOST)] == [401] * MOST
    assert change(person, 99, RIGHT, **headers) == 429
    assert attempt(site).status_code == 200, "logging in is counted by itself"
    site.time.pass_(hours=1, seconds=1)
    assert change(person, 100, RIGHT, **headers) == 204
    assert kept(site) == [], "the change clears the failures"
