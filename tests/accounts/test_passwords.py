"""Passwords: how they are hashed, in what order, and how long that takes whom."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from support.account_calls import log_in, sign_up, try_login
from support.app_fixtures import Site, assert_error

from koyjabo.accounts import hash_queue, passwords


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def test_hash_costs_what_owasp_recommends_at_least(cheap_hashes):
    assert cheap_hashes.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_hash_of_old_parameters_is_made_anew_at_login(site, monkeypatch):
    def kept() -> str:
        return site.rows("SELECT password FROM users")[0][0]

    person, before = sign_up(site), kept()
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert try_login(site, password="something else").status_code == 401
    assert kept() == before
    assert log_in(site).id == person.id
    assert person.get("/api/auth/me").status_code == 200
    renewed = kept()
    assert "$m=16,t=2,p=1$" in renewed
    assert log_in(site).id == person.id
    assert kept() == renewed, "once"


def test_hash_that_is_none_matches_nothing(site):
    sign_up(site)
    site.rows("UPDATE users SET password = 'not a hash'")
    assert_error(try_login(site), 401, "wrong_credentials")


def test_too_busy_is_a_503_that_says_when_to_come_back(site, monkeypatch):
    monkeypatch.setattr(hash_queue, "AT_ONCE", 0)
    monkeypatch.setattr(hash_queue, "MOST_WAITING", 0)
    answer = try_login(site)
    assert_error(answer, 503, "too_busy")
    assert int(answer.headers["Retry-After"]) >= 1
