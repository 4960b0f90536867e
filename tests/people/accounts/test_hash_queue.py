"""Password hashing, which is slow on purpose: its cost, the order of its queue, and what does not wait for it."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import requests
from argon2 import PasswordHasher
from support.application.site import assert_error
from support.people.accounts import disable, sign_up, try_login
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server

from koyjabo.base.core.errors import TooBusy
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts import hash_queue
from koyjabo.people.accounts.hash_queue import MAX_JOBS_OF_ADDRESS, HashQueue, PasswordClient

ENDLESS = "$argon2id$v=19$m=65536,t=1000000,p=4$c29tZXNhbHQ$" + "A" * 43  # a hash that takes hours of CPU time
OWNER = {"email": "owner@example.com", "password": "rickshaw at dawn"}


class Jobs:
    """Jobs in the queue, and the order they were done in."""

    def __init__(self) -> None:
        self.queue = HashQueue(ThreadRuntime())
        self.done: list[str] = []
        self.refused: list[str] = []
        self._busy, self._threads = Event(), []
        self._run("", PasswordClient(), self._busy.wait)
        wait_until(lambda: self.queue._running, "it has its turn")

    def add(self, name: str, address: str = "", is_familiar: bool = False) -> None:
        waiting = len(self.queue) + len(self.refused)
        self._run(name, PasswordClient(address or name, is_familiar), lambda: self.done.append(name))
        wait_until(lambda: len(self.queue) + len(self.refused) > waiting, "it waits or is refused")

    def finish(self) -> list[str]:
        self._busy.set()
        for thread in self._threads:
            thread.join(timeout=PATIENCE_S)
        assert len(self.queue) == 0
        return self.done

    def _run(self, name: str, client: PasswordClient, work: Callable[[], object]) -> None:
        def main() -> None:
            try:
                with self.queue.slot(client):
                    work()
            except TooBusy:
                self.refused.append(name)

        self._threads.append(Thread(target=main, daemon=True))
        self._threads[-1].start()


@pytest.fixture
def jobs(monkeypatch) -> Iterator[Jobs]:
    """A queue that runs one job at a time, so that jobs run in queue order. No job waits too long."""
    monkeypatch.setattr(hash_queue, "HASH_SLOTS", 1)
    monkeypatch.setattr(hash_queue, "time", SimpleNamespace(monotonic=lambda: 0.0))
    jobs = Jobs()
    yield jobs
    jobs._busy.set()


def test_an_address_has_at_most_three_waiting_logins_except_from_a_familiar_browser(jobs):
    for number in range(MAX_JOBS_OF_ADDRESS + 1):
        jobs.add(f"a{number}", "192.0.2.1")
    jobs.add("b", "192.0.2.2")
    jobs.add("familiar", "192.0.2.1", is_familiar=True)
    assert jobs.refused == [f"a{MAX_JOBS_OF_ADDRESS}"]
    assert "familiar" in jobs.finish()


def test_a_login_waits_for_at_most_one_login_of_each_flooding_address(jobs, monkeypatch):
    for _ in range(2):
        for number in range(60):
            jobs.add("stranger", f"192.0.2.{number}")
    jobs.add("owner")
    jobs.add("familiar owner", is_familiar=True)
    monkeypatch.setattr(hash_queue, "MAX_WAITING_HASHES", 121)
    jobs.add("one too many")
    assert jobs.refused == ["one too many"]
    done = jobs.finish()
    assert (done.index("familiar owner"), done.index("owner")) == (0, 61)


def test_familiar_browsers_go_first_but_every_fourth_slot_is_for_other_browsers(jobs, monkeypatch):
    moments = [0.0]
    monkeypatch.setattr(hash_queue, "time", SimpleNamespace(monotonic=lambda: moments[0]))
    for name in ("late", "later"):
        jobs.add(name)
    moments[0] += hash_queue.HASH_PATIENCE_S
    for name in ("x", "y"):
        jobs.add(name)
    for number in range(5):
        jobs.add(f"f{number}", is_familiar=True)
    assert jobs.finish() == ["f0", "f1", "f2", "x", "f3", "f4", "y"]
    assert sorted(jobs.refused) == ["late", "later"]


def test_a_password_hash_costs_at_least_what_owasp_recommends(cheap_hashes):
    assert cheap_hashes.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_login_gets_503_with_retry_after_when_the_queue_is_full(site, monkeypatch):
    monkeypatch.setattr(hash_queue, "HASH_SLOTS", 0)
    monkeypatch.setattr(hash_queue, "MAX_WAITING_HASHES", 0)
    answer = try_login(site)
    assert_error(answer, 503, "too_busy")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.fixture
def patient_server(tmp_path):
    """A server without a time limit for hashing: 20 s is too short on a busy machine."""
    with changed_server(tmp_path, {"koyjabo.people.accounts.passwords.HASH_LIMIT_S": 3600}) as server:
        yield server


def test_a_login_that_waits_for_its_hash_delays_no_other_request(patient_server):
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


def test_a_failed_login_costs_the_same_for_known_unknown_and_disabled_users(site, work):
    for name in ("ayesha", "karim"):
        sign_up(site, name)
    disable(site, "karim@example.com")
    known = failed(site, work, "ayesha")
    assert sum(count for what, count in known.items() if what.startswith("verify")) == 1
    assert known["hash"] == 0
    assert failed(site, work, "nobody") == known
    assert failed(site, work, "karim") == known
    assert failed(site, work, "karim", password="rickshaw at dawn") == known
