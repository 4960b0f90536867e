"""Hashing is slow on purpose, but does not delay other logins or requests."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from argon2 import PasswordHasher
from support.application.site import Site
from support.people.accounts import disable, sign_up, try_login
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

from koyjabo.base.database.executor import DatabaseExecutor

ENDLESS = "$argon2id$v=19$m=65536,t=1000000,p=4$c29tZXNhbHQ$" + "A" * 43
"""A hash that takes hours of CPU time."""

OWNER = {"email": "owner@example.com", "password": "rickshaw at dawn"}


@pytest.fixture
def patient_server(tmp_path):
    """A server without a time limit for hashing: 20 s is too short on a busy machine."""
    with changed_server(tmp_path, {"koyjabo.people.accounts.passwords.HASH_LIMIT_S": 3600}) as server:
        yield server


def test_login_that_waits_for_a_hash_delays_no_other_request(patient_server):
    """Stats are read while the login's hash is computed, which ends with the server."""
    base = f"http://localhost:{patient_server.port}"
    assert requests.post(f"{base}/api/auth/signup", json=OWNER, timeout=PATIENCE_S).status_code == 201
    patient_server.database.rows(f"UPDATE users SET password = '{ENDLESS}' WHERE email = '{OWNER['email']}'")
    (worker,) = patient_server.workers()
    before_s = worker.cpu_times().user
    with ThreadPoolExecutor(1) as pool, requests.Session() as session:
        login = pool.submit(requests.post, f"{base}/api/auth/login", json=OWNER, timeout=PATIENCE_S)
        try:
            wait_until(lambda: worker.cpu_times().user > before_s + 0.5, "it is computed")
            for _ in range(20):
                assert session.get(f"{base}/api/stats", timeout=PATIENCE_S).status_code == 200
            assert not login.done()
        finally:
            patient_server.kill()
        with pytest.raises(requests.ConnectionError):
            login.result()


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def work(monkeypatch) -> Counter:
    """Count operations while they run, with password verifications by hash cost."""
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
    """This holds even on a browser with a familiar browser's cookie."""
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
