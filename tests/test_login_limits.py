"""How often one may try to log in, and that nobody is kept out of their own account by others who try."""

from __future__ import annotations

import pytest
from account_calls import PASSWORD, bare, log_in, sign_up, try_login
from app_fixtures import Site, assert_error

from koyjabo.web import rate_limits

PHONE, OTHER = "203.0.113.7", "203.0.113.8"
WRONG = {"password": "something else"}


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_LOGINS=40) as site:
        yield site


def tries(site, times: int, *names: str, peer: str = PHONE, **fields) -> list[int]:
    environ = {"REMOTE_ADDR": peer}
    return [try_login(site, names[n % len(names)], environ, **fields).status_code for n in range(times)]


def sign_ups(site, times: int, peer: str) -> list[int]:
    calls = (
        bare(site).post(
            "/api/auth/signup",
            json={"email": f"{peer}-{n}@example.com", "password": PASSWORD},
            environ_overrides={"REMOTE_ADDR": peer},
        )
        for n in range(times)
    )
    return [answer.status_code for answer in calls]


def test_one_account_from_one_address_has_ten_tries_a_minute(site):
    sign_up(site)
    assert tries(site, 10, "ayesha", **WRONG) == [401] * 10
    refused = try_login(site, "ayesha", {"REMOTE_ADDR": PHONE})  # the right password makes no difference now
    assert_error(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert tries(site, 1, "ayesha", peer=OTHER) == [200]
    assert tries(site, 1, "karim") == [401]


def test_limit_tells_nothing_of_whether_there_is_such_an_account(site):
    assert tries(site, 11, "nobody") == [401] * 10 + [429]


def test_capitals_make_no_new_account_to_try(site):
    assert tries(site, 12, "ayesha", "AYESHA", " Ayesha") == [401] * 10 + [429] * 2


def test_one_address_has_so_many_logins_whatever_the_account(site):
    names = [f"user{n}" for n in range(50)]
    assert tries(site, 41, *names) == [401] * 40 + [429]
    assert tries(site, 1, "user1", peer=OTHER) == [401]


def test_one_address_makes_half_as_many_accounts(site):
    assert sign_ups(site, 21, PHONE) == [201] * 20 + [429]
    assert sign_ups(site, 1, OTHER) == [201]


def test_loopback_is_not_limited_by_address_but_by_account(site):
    names = [f"user{n}" for n in range(60)]
    assert set(tries(site, 60, *names, peer="127.0.0.1")) == {401}
    assert tries(site, 10, "user1", peer="127.0.0.1")[-1] == 429


def test_zero_is_no_limit_of_addresses(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_LOGINS=0) as site:
        names = [f"user{n}" for n in range(100)]
        assert set(tries(site, 100, *names)) == {401}
        assert tries(site, 10, "user1")[-1] == 429


@pytest.fixture
def under_attack(site, monkeypatch):
    """An account that many addresses have been guessing at, until none of them may go on."""
    monkeypatch.setattr(rate_limits, "LOGINS_OF_AN_ACCOUNT", 30)
    site.restart()
    sign_up(site)
    assert tries(site, 1, "ayesha") == [200]  # its owner, from PHONE
    for n in range(29 // 5 + 1):
        tries(site, 5, "ayesha", peer=f"198.51.100.{n}", **WRONG)
    assert tries(site, 1, "ayesha", peer="198.51.100.99", **WRONG) == [429]
    return site


def test_owner_gets_in_from_where_they_were_before(under_attack):
    assert tries(under_attack, 2, "ayesha") == [200, 200]
    assert tries(under_attack, 1, "ayesha", peer=OTHER) == [429]


def test_owner_who_is_logged_in_stays_so(under_attack):
    person = log_in(under_attack, environ={"REMOTE_ADDR": PHONE})
    assert person.renew().status_code == 200
    assert person.get("/api/auth/me").status_code == 200


def test_guessing_the_present_password_is_limited_as_a_login_is(site):
    person = sign_up(site)
    body = {"current_password": "something else", "new_password": "something new"}
    statuses = [person.post("/api/auth/password", json=body).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_limits_are_shared_out_among_workers(sqlite_database):
    workers = {"WEB_CONCURRENCY": 2, "REDIS_URL": "redis://localhost", "RATE_LIMIT_LOGINS": 40}
    with Site(sqlite_database.url, **workers) as site:
        assert tries(site, 6, "ayesha") == [401] * 5 + [429]
        assert tries(site, 21, *(f"user{n}" for n in range(30)), peer=OTHER) == [401] * 20 + [429]
