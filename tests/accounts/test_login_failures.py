"""How often logging in to an account may fail, whoever tries and wherever: kept in the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.account_calls import PASSWORD, sign_up, try_login
from support.app_fixtures import Site, assert_error

from koyjabo.accounts import login_throttle, login_throttle_queries
from koyjabo.errors import LedgerUnavailable, TooBusy

MOST = 6
WRONG = {"password": "something else"}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(login_throttle, "MOST", MOST)


@pytest.fixture
def site(database):
    with Site(database.url, RATE_LIMIT_LOGINS=0) as site:
        yield site


def attempt(site: Site, name: str = "ayesha", number: int = 0, **fields: str):
    """Each from an address of its own."""
    return try_login(site, name, {"REMOTE_ADDR": f"198.51.{number // 256}.{number % 256}"}, **fields)


def attempts(site: Site, times: int, name: str = "ayesha", **fields: str) -> list[int]:
    return [attempt(site, name, number, **fields).status_code for number in range(times)]


def kept(site: Site) -> list[tuple]:
    return site.rows("SELECT account, failures FROM login_failures")


@pytest.mark.parametrize("name", ["ayesha", "nobody"])
def test_account_is_tried_so_often_and_not_once_more_wherever_from(site, name):
    """And in the same words, whether there is such an account or not."""
    sign_up(site)
    assert attempts(site, MOST, name, **WRONG) == [401] * MOST
    refused = attempt(site, name, 99)
    assert_error(refused, 429, "rate_limited")
    assert 3500 <= int(refused.headers["Retry-After"]) <= 3601
    assert kept(site)[0][1] == MOST, "refusals are not counted"


@pytest.mark.parametrize("why", [TooBusy, LedgerUnavailable])
def test_attempt_whose_password_nobody_looked_at_is_none(site, monkeypatch, why):
    sign_up(site)
    attempt(site, **WRONG)

    def away(*_: str) -> None:
        raise why

    with monkeypatch.context() as patch:
        patch.setattr(site.services.accounts.credentials, "log_in", away)
        assert attempts(site, 2 * MOST) == [503] * 2 * MOST
    assert kept(site)[0][1] == 2, "the second one has a line in the audit log"
    assert site.rows("SELECT count(*) FROM audit_log WHERE action = 'login.fail'") == [(1,)]
    assert attempt(site).status_code == 200


def test_another_account_is_free(site):
    sign_up(site, "karim")
    attempts(site, MOST + 1, **WRONG)
    assert attempt(site, "karim").status_code == 200


def test_time_it_takes_is_the_one_that_was_told(site):
    sign_up(site)
    attempts(site, MOST, **WRONG)
    site.time.pass_(seconds=int(attempt(site).headers["Retry-After"]) - 2)
    assert attempt(site).status_code == 429
    site.time.pass_(seconds=2)
    assert attempts(site, MOST, **WRONG) == [401] * MOST
    assert attempt(site).status_code == 429


def test_success_takes_the_failures_back(site):
    sign_up(site)
    for _ in range(3):
        assert attempts(site, MOST - 1, **WRONG) == [401] * (MOST - 1)
        assert attempt(site).status_code == 200
        assert kept(site) == []


def test_neither_a_restart_nor_another_worker_forgets(site, database):
    sign_up(site)
    attempts(site, MOST - 1, **WRONG)
    site.restart()
    with Site(database.url, RATE_LIMIT_LOGINS=0) as other:
        assert attempt(other, **WRONG).status_code == 401
        assert attempt(other).status_code == 429
    assert attempt(site).status_code == 429


def test_of_many_at_once_on_two_workers_no_more_are_tried(site, database):
    sign_up(site)
    with Site(database.url, RATE_LIMIT_LOGINS=0) as other, ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(attempt, (site, other)[n % 2], "ayesha", n, **WRONG) for n in range(3 * MOST)]
        statuses = sorted(call.result().status_code for call in calls)
    assert statuses == [401] * MOST + [429] * 2 * MOST


def test_owner_on_a_familiar_browser_neither_counts_nor_waits(site):
    sign_up(site)
    client = site.app.test_client()
    log_in = {"email": "ayesha@example.com", "password": PASSWORD}
    assert client.post("/api/auth/login", json=log_in).status_code == 200
    assert client.post("/api/auth/login", json={**log_in, **WRONG}).status_code == 401
    assert kept(site) == []
    attempts(site, MOST + 1, **WRONG)
    assert client.post("/api/auth/login", json=log_in).status_code == 200
    assert kept(site)[0][1] == MOST, "those who guess elsewhere get no new tries by that"


def test_nothing_that_is_kept_says_whose_it_is(site):
    attempt(site, "ayesha", **WRONG)
    ((account, failures),) = kept(site)
    assert (len(account), failures) == (64, 1)
    assert int(account, 16)


def test_half_a_character_in_an_email_is_nothing_special(site):
    assert attempt(site, "\ud800").status_code == 401


def test_what_counts_no_more_is_forgotten(site, monkeypatch):
    monkeypatch.setattr(login_throttle_queries, "MOST_SWEPT", 3)
    for number in range(5):
        attempt(site, f"user{number}")
    site.time.pass_(hours=1)
    attempt(site, "ayesha")
    assert len(kept(site)) == 3
    attempt(site, "karim")
    assert len(kept(site)) == 2


def change(person, number: int, current: str = "something else", **headers: str) -> int:
    """Say the present password, each time from an address of its own."""
    body = {"current_password": current, "new_password": "something new"}
    peer = {"REMOTE_ADDR": f"198.51.100.{number}"}
    return person.post("/api/auth/password", json=body, headers=headers, environ_overrides=peer).status_code


@pytest.mark.parametrize("is_familiar", [False, True])
def test_present_password_is_guessed_so_often_and_not_once_more_wherever_from(site, is_familiar):
    """With a session that was stolen, and the other cookies of that browser, too."""
    person, headers = sign_up(site), {}
    if is_familiar:
        (cookie,) = [each for each in attempt(site).headers.getlist("Set-Cookie") if each.startswith("familiar")]
        headers = {"Cookie": cookie.partition(";")[0]}
    assert [change(person, number, **headers) for number in range(MOST)] == [401] * MOST
    assert change(person, 99, PASSWORD, **headers) == 429
    assert attempt(site).status_code == 200, "logging in is counted by itself"
    site.time.pass_(hours=1, seconds=1)
    assert change(person, 100, PASSWORD, **headers) == 204


def test_present_password_takes_its_failures_back(site):
    person = sign_up(site)
    assert [change(person, number) for number in range(MOST - 1)] == [401] * (MOST - 1)
    assert change(person, 50, PASSWORD) == 204
    assert kept(site) == []


def test_who_guesses_from_outside_keeps_nobody_from_changing_their_password(site):
    person = sign_up(site)
    attempts(site, MOST + 1, **WRONG)
    assert change(person, 50, PASSWORD) == 204
