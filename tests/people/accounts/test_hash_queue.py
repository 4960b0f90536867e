"""Password hashing, and the order of its queue."""

from collections.abc import Callable, Iterator
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from argon2 import PasswordHasher
from support.application.site import Site, assert_error
from support.people.accounts import log_in, sign_up, try_login
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

from koyjabo.base.core.errors import TooBusy
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.network.client_address import neighbourhood
from koyjabo.people.accounts import hash_queue, passwords
from koyjabo.people.accounts.hash_queue import MAX_JOBS_OF_ADDRESS, HashQueue, PasswordClient


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
    """A queue that runs one job at a time, so that jobs run in queue order."""
    monkeypatch.setattr(hash_queue, "HASH_SLOTS", 1)
    jobs = Jobs()
    yield jobs
    jobs._busy.set()


def test_address_has_a_few_waiting_jobs(jobs):
    for number in range(MAX_JOBS_OF_ADDRESS + 1):
        jobs.add(f"a{number}", "192.0.2.1")
    jobs.add("b", "192.0.2.2")
    jobs.add("familiar", "192.0.2.1", is_familiar=True)
    assert jobs.refused == [f"a{MAX_JOBS_OF_ADDRESS}"]
    with pytest.raises(TooBusy):
        jobs.queue.require_space(PasswordClient("192.0.2.1"))
    jobs.queue.require_space(PasswordClient("192.0.2.1", is_familiar=True))
    assert "familiar" in jobs.finish()
    jobs.queue.require_space(PasswordClient("192.0.2.1"))


def test_customer_with_a_56_has_as_many_as_four_addresses(jobs):
    for number in range(4 * MAX_JOBS_OF_ADDRESS + 1):
        jobs.add(f"a{number}", neighbourhood(f"2001:db8:1:{number:02x}::1"))
    assert jobs.refused == [f"a{4 * MAX_JOBS_OF_ADDRESS}"]


def test_job_waits_for_at_most_one_job_of_60_flooding_addresses(jobs, monkeypatch):
    monkeypatch.setattr(hash_queue, "time", SimpleNamespace(monotonic=lambda: 0.0))
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


def test_familiar_browsers_go_first_but_every_fourth_slot_is_for_others(jobs, monkeypatch):
    moments = [hash_queue.time.monotonic()]
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


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


def test_hash_costs_what_owasp_recommends_at_least(cheap_hashes):
    assert cheap_hashes.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_hash_of_old_parameters_is_replaced_at_login(site, monkeypatch):
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


def test_too_busy_is_a_503_that_says_when_to_come_back(site, monkeypatch):
    monkeypatch.setattr(hash_queue, "HASH_SLOTS", 0)
    monkeypatch.setattr(hash_queue, "MAX_WAITING_HASHES", 0)
    answer = try_login(site)
    assert_error(answer, 503, "too_busy")
    assert int(answer.headers["Retry-After"]) >= 1
