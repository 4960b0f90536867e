"""Hashing is slow on purpose, but does not delay other logins or requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread

import pytest
import requests
from argon2 import PasswordHasher
from support.application.site import Site
from support.people.accounts import disable, sign_up, try_login
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server
from support.servers.server import Server

from koyjabo.base.database.executor import DatabaseExecutor

ENDLESS = "$argon2id$v=19$m=65536,t=1000000,p=4$c29tZXNhbHQ$" + "A" * 43
"""A hash that takes hours of CPU time."""

ADDRESSES = [f"198.51.100.{number}" for number in range(60)]
PATIENT = {"koyjabo.people.accounts.passwords.PATIENCE_S": 3600}
OWNER = {"email": "owner@example.com", "password": "rickshaw at dawn"}


@pytest.fixture
def patient_server(tmp_path):
    """A server without a time limit for hashing: 20 s is too short on a busy machine."""
    with changed_server(tmp_path, {"koyjabo.people.accounts.passwords.LIMIT_S": 3600}) as server:
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


class Owner:
    """The owner of an account, on a browser that has logged in before, or on a new one."""

    def __init__(self, server: Server) -> None:
        self._url = f"http://localhost:{server.port}/api/auth"
        self._headers = {"X-Forwarded-For": "203.0.113.7"}
        made = requests.post(f"{self._url}/signup", json=OWNER, headers=self._headers, timeout=PATIENCE_S)
        self._familiar = {"Cookie": f"familiar_browser={made.cookies['familiar_browser']}"}

    def log_in(self, is_familiar: bool) -> None:
        headers = {**self._headers, **(self._familiar if is_familiar else {})}
        response = requests.post(f"{self._url}/login", json=OWNER, headers=headers, timeout=PATIENCE_S)
        assert response.status_code == 200, (response.text, response.headers)


@contextmanager
def flood(server: Server, *emails: str) -> Iterator[list[int]]:
    """Log in with made-up passwords, as three strangers per IP address. Yields the statuses. Each login replaces `*` in
    an email with a new number.
    """
    answers: list[int] = []
    over, numbers = Event(), count()

    def guess(address: str) -> None:
        url, headers = f"http://localhost:{server.port}/api/auth/login", {"X-Forwarded-For": address}
        with requests.Session() as session:
            while not over.is_set():
                number = next(numbers)
                email = emails[number % len(emails)].replace("*", str(number))
                with suppress(requests.RequestException):
                    body = {"email": email, "password": f"guess number {number}"}
                    answers.append(session.post(url, json=body, headers=headers, timeout=PATIENCE_S).status_code)
                over.wait(0.5 if answers and answers[-1] in (429, 503) else 0)

    for address in ADDRESSES * 3:
        Thread(target=guess, args=[address], daemon=True).start()
    yield answers
    over.set()


@pytest.mark.honest_start
@pytest.mark.long(
    proved_by="people/accounts/test_hash_queue.py::test_job_waits_for_at_most_one_job_of_60_flooding_addresses"
)
def test_owner_can_log_in_while_60_addresses_flood_logins(tmp_path):
    """The owner can log in on a familiar browser and on a new one, which waits while each address gets a slot."""
    with changed_server(tmp_path, PATIENT, TRUSTED_PROXIES=1) as server:
        owner = Owner(server)
        with flood(server, "other@example.com", "stranger*@example.com") as answers:
            wait_until(lambda: answers.count(401) > 20, "they flood")
            owner.log_in(is_familiar=True)
            owner.log_in(is_familiar=False)


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
