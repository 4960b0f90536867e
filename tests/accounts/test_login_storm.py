"""Hashing is slow on purpose, and others do not feel it: those who log in, and those who do something else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.changed_server import changed_server
from support.login_flood import LoginFlood
from support.processes import wait_until
from support.server import Server

LOGINS = 6
ADDRESSES = [f"198.51.100.{number}" for number in range(60)]
PATIENT = {"koyjabo.accounts.hash_queue.PATIENCE_S": 60}
OWNER = {"email": "owner@example.com", "password": "rickshaw at dawn"}


@pytest.mark.honest_start  # a program forked from the template has cheap hashes
def test_logins_that_wait_for_a_hash_keep_nobody_else_waiting(sqlite_server):
    """While one address after the other waits for the hash of its login, the numbers are read again and again."""
    base = f"http://localhost:{sqlite_server.port}"

    def guess(n: int) -> None:
        body = {"email": f"{n}@example.com", "password": "something else"}
        assert requests.post(f"{base}/api/auth/login", json=body, timeout=60).status_code == 401

    with ThreadPoolExecutor(LOGINS) as pool, requests.Session() as session:
        logins = [pool.submit(guess, n) for n in range(LOGINS)]
        others = 0
        while not all(login.done() for login in logins):
            assert session.get(f"{base}/api/stats", timeout=30).status_code == 200
            others += 1
    assert others > 2 * LOGINS, "whoever waits for a hash as well is served once for each of them"


class Owner:
    """Of an account, on a browser that has logged in before, or on a new one."""

    def __init__(self, server: Server) -> None:
        self._workers = server.workers()
        self._url = f"http://localhost:{server.port}/api/auth"
        self._headers = {"X-Forwarded-For": "203.0.113.7"}
        made = requests.post(f"{self._url}/signup", json=OWNER, headers=self._headers, timeout=30)
        self._familiar = {"Cookie": f"familiar_browser={made.cookies['familiar_browser']}"}

    def log_in(self, is_familiar: bool) -> float:
        """Returns how long the server computed meanwhile, s."""
        headers = {**self._headers, **(self._familiar if is_familiar else {})}
        computed_s = self._computed_s()
        response = requests.post(f"{self._url}/login", json=OWNER, headers=headers, timeout=60)
        assert response.status_code == 200, (response.text, response.headers)
        return self._computed_s() - computed_s

    def _computed_s(self) -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in self._workers)


@pytest.mark.honest_start
@pytest.mark.long(
    proved_by="accounts/test_hash_queue.py::test_flood_of_60_addresses_delays_another_one_by_one_turn_of_each"
)
def test_60_addresses_that_flood_logins_keep_no_owner_from_logging_in(tmp_path):
    """Neither on a familiar browser nor on a new one. The machine has other tests to run: what counts is how long the
    server computed before the owner had its turn.
    """
    with changed_server(tmp_path, PATIENT, TRUSTED_PROXIES=1) as server:
        owner = Owner(server)
        with LoginFlood(server.port, ADDRESSES, "other@example.com", "stranger*@example.com").running() as flood:
            wait_until(lambda: flood.statuses[401] > 20, "they flood", timeout_s=60)
            familiar, new = owner.log_in(is_familiar=True), owner.log_in(is_familiar=False)
    assert familiar < 3
    assert new < 10
