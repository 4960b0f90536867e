"""Passwords: how they are hashed, in what order, and how long that takes whom."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from argon2 import PasswordHasher
from support.account_calls import PASSWORD, log_in, sign_up, try_login
from support.app_fixtures import Site, assert_error
from support.processes import wait_until

from koyjabo.accounts import hash_queue, passwords
from koyjabo.accounts.passwords import Passwords
from koyjabo.errors import TooBusy
from koyjabo.runtime import ThreadRuntime


class Counted(PasswordHasher):
    """Hashes as it is told to, and counts; it holds on while `go` is not set."""

    def __init__(self, **costs: int) -> None:
        super().__init__(**costs)
        self.verified: list[str] = []
        self.hashed = 0
        self.go = Event()
        self.go.set()

    def hash(self, *what, **more):
        self.hashed += 1
        return super().hash(*what, **more)

    def verify(self, kept, password):
        self.go.wait(timeout=30)
        self.verified.append(kept.rpartition("$")[0].rpartition("$")[0])
        return super().verify(kept, password)


@pytest.fixture
def hasher(monkeypatch) -> Counted:
    counted = Counted(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", counted)
    return counted


def test_hash_costs_what_owasp_recommends_at_least(cheap_hashes):
    assert cheap_hashes.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.fixture
def site(sqlite_database, hasher):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def room(hasher) -> Iterator[Passwords]:
    room = Passwords(ThreadRuntime())
    yield room
    hasher.go.set()
    room.close()


def test_they_are_argon2id_as_owasp_recommends():
    """Asked of the hasher itself: tests hash with a cheaper one."""
    assert passwords.is_outdated(passwords.HASHER.hash("x")) is False
    assert passwords.hash_now("x").startswith("$argon2id$v=19$")


def test_hash_of_old_parameters_is_made_anew_at_login(site, monkeypatch):
    person = sign_up(site)
    dearer = Counted(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", dearer)
    before = site.rows("SELECT password FROM users")
    assert try_login(site, password="something else").status_code == 401
    assert (site.rows("SELECT password FROM users"), dearer.hashed) == (before, 0)
    assert log_in(site).id == person.id
    assert person.get("/api/auth/me").status_code == 200
    ((kept,),) = site.rows("SELECT password FROM users")
    assert "$m=16,t=2,p=1$" in kept
    assert log_in(site).id == person.id
    assert dearer.hashed == 1


def test_hash_that_is_none_matches_nothing(room):
    assert not room.matches("x", "not a hash")
    assert not room.matches("", None)
    assert room.matches("pässword", room.hash("pa\u0308ssword"))


def test_too_many_at_once_are_refused_and_the_others_have_their_turn(room, hasher, monkeypatch):
    monkeypatch.setattr(hash_queue, "MOST_WAITING", 49)
    kept = room.hash(PASSWORD)
    hasher.go.clear()
    found: list[bool] = []
    crowd = [Thread(target=lambda: found.append(room.matches(PASSWORD, kept))) for _ in range(51)]
    for thread in crowd:
        thread.start()
    wait_until(lambda: len(room._queue) == 49, "one is being hashed and fifty wait")
    with pytest.raises(TooBusy):
        room.matches(PASSWORD, kept)
    hasher.go.set()
    for thread in crowd:
        thread.join()
    assert found == [True] * 51


def test_too_busy_is_a_503_that_says_when_to_come_back(site, monkeypatch):
    monkeypatch.setattr(hash_queue, "AT_ONCE", 0)
    monkeypatch.setattr(hash_queue, "MOST_WAITING", 0)
    answer = try_login(site)
    assert_error(answer, 503, "too_busy")
    assert int(answer.headers["Retry-After"]) >= 1
