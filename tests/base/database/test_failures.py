"""When the database fails, no visit is acknowledged, reads continue, and everything recovers by itself."""

import fcntl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import requests
from support.databases.database import CUT
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.server import Server


def assert_refused(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def assert_read(server: Server, total: int) -> None:
    """Assert that the total is current. A read that had waited for a lock would be stale."""
    assert server.get("/healthz").ok
    assert (server.stats().total, server.stats().stale) == (total, False)


def assert_refused_until_released(server: Server, hold) -> None:
    before = server.register("ayesha").ordinal
    with ThreadPoolExecutor(1) as clients, hold():
        body = {"visitorId": "karim", "visitId": f"{before}"}  # on a new connection
        answer = clients.submit(requests.post, f"{server.url}/api/visitor/register", json=body, timeout=PATIENCE_S)
        assert_read(server, before)
        assert_refused(answer.result())
        assert_read(server, before)
    assert server.stats().total == before
    receipt = server.register("karim", visit=f"{before}")
    assert (receipt.ordinal, receipt.duplicate) == (before + 1, False)
    assert server.database.rows("SELECT count(*) FROM visits") == [(before + 1,)]


def assert_said(server: Server, times: int = 1) -> None:
    counts = [server.log.count(f"ledger_{what}") for what in ("unavailable", "recovered")]
    assert counts == [times] * 2, server.log
    assert "Traceback" not in server.log


def test_locked_database_refuses_visits_and_heals(server):
    """Includes SQLite's lock file being held by a hung program of ours."""
    locks = [server.database.locked]
    if server.database.kind == "sqlite":
        locks.append(lambda: held(f"{server.database.path}.lock"))
    for lock in locks:
        assert_refused_until_released(server, lock)
    assert_said(server, times=len(locks))


@contextmanager
def held(path: str) -> Iterator[None]:
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_without_postgres_the_last_known_stats_are_shown_as_stale(new_server, disposable_postgres):
    """Includes an outage before the first request."""
    server = new_server(disposable_postgres.new_database()).start()
    disposable_postgres.kill()
    try:
        shown = server.stats()
    finally:
        disposable_postgres.start()
    assert (shown.stale, shown.total) == (True, 0)
    before = wait_until(lambda: (answer := server.post_visit("ayesha")).ok and answer.json(), "visits are stored")
    disposable_postgres.kill()
    assert_refused(server.post_visit("karim", visit="1"))
    shown = server.stats()
    assert (shown.stale, shown.total, shown.epoch) == (True, 1, before["stats"]["epoch"])
    assert server.get("/readyz").status_code == 503
    assert server.get("/healthz").status_code == 200
    disposable_postgres.start()
    assert wait_until(lambda: server.get("/readyz").ok, "ready again")
    assert (server.stats().stale, server.stats().total) == (False, 1)
    receipt = server.register("karim", visit="1")
    assert (receipt.ordinal, receipt.duplicate) == (2, False)
    assert_said(server)


def test_database_that_is_read_only_because_its_disk_is_full_is_still_read(postgres, new_server):
    """Hosting services change this setting. It does not make the database a standby."""
    database = postgres.new_database()
    server = new_server(database).start()
    assert server.register("ayesha").ordinal == 1
    postgres.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    database.cut_connections()
    assert_refused(server.post_visit("karim"))
    assert "cause='cannot execute" in server.log
    assert (server.stats().stale, server.stats().total) == (False, 1)
    server.stop()
    server.start()
    assert (server.stats().stale, server.stats().total) == (False, 1)
    assert_refused(server.post_visit("karim"))
    postgres.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    database.rows(f"SET default_transaction_read_only = off; {CUT}")
    assert wait_until(lambda: server.post_visit("karim").ok, "visits are stored")
