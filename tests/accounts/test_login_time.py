"""How long a login takes tells nothing of whether there is such a user: the same work is done for everybody.

Work is counted and not timed: what takes tens of milliseconds is the one verification of a hash.
"""

from __future__ import annotations

from collections import Counter

import pytest
from argon2 import PasswordHasher
from support.account_calls import disable, sign_up, try_login
from support.app_fixtures import Site

from koyjabo.database.executor import DatabaseExecutor


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_LOGINS=0) as site:
        yield site


@pytest.fixture
def work(monkeypatch) -> Counter:
    """What is done, while it is done for real: hashes looked at with their cost, and operations."""
    done: Counter = Counter()

    def count(owner, name: str) -> None:
        real = getattr(owner, name)

        def counted(self, *said, **named):
            done[f"{name} {said[0].rsplit('$', 2)[0]}" if name == "verify" else name] += 1
            return real(self, *said, **named)

        monkeypatch.setattr(owner, name, counted)

    for owner, name in ((PasswordHasher, "verify"), (PasswordHasher, "hash")):
        count(owner, name)
    for name in ("read", "write"):
        count(DatabaseExecutor, name)
    return done


def failed(site, work: Counter, name: str, **fields) -> Counter:
    work.clear()
    answer = try_login(site, name, **{"password": "something else", **fields})
    assert (answer.status_code, answer.json["code"]) == (401, "wrong_credentials")
    return Counter(work)


def test_known_unknown_and_disabled_users_cost_the_same(site, work):
    """Also on a browser that says it is familiar."""
    for name in ("ayesha", "karim"):
        sign_up(site, name)
    disable(site, "karim@example.com")
    known = failed(site, work, "ayesha")
    assert sum(count for what, count in known.items() if what.startswith("verify")) == 1
    assert known["hash"] == 0
    assert failed(site, work, "nobody") == known
    assert failed(site, work, "karim") == known
    assert failed(site, work, "karim", password="rickshaw at dawn") == known
    shown = {"HTTP_COOKIE": "familiar_browser=x"}
    assert failed(site, work, "ayesha", environ=shown) == failed(site, work, "nobody", environ=shown)
