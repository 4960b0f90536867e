"""Real servers whose machine's clock was ahead, and is set right."""

from pathlib import Path

import pytest
from support.application.site import Site, Time
from support.clients.worker_connections import two_workers, worker_connections
from support.programs.processes import wait_until

from koyjabo.base.core.clock import DAY_MS, system_now_ms

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
AHEAD = {
    "LD_PRELOAD": LIBRARY,
    "FAKETIME": "@2029-03-01 12:00:00",
    "FAKETIME_DONT_FAKE_MONOTONIC": 1,
    "DONT_FAKE_MONOTONIC": 1,
}
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is missing: `make tools` installs it")
QUICK = "upkeep/clock/test_clock.py::test_visits_filed_in_the_future_are_filed_again_and_every_sum_agrees"


def days(database) -> list[str]:
    return [day for (day,) in database.rows("SELECT DISTINCT day FROM visits ORDER BY day")]


@needs_faketime
@pytest.mark.long(proved_by=QUICK)
@pytest.mark.parametrize("workers", [1, 2])
def test_visits_from_the_future_are_filed_today_after_an_admins_answer(database, new_server, redis_server, workers):
    several = {"WEB_CONCURRENCY": workers, **({"REDIS_URL": redis_server.url} if workers > 1 else {})}
    server = new_server(database, **several).start()
    for visitor in ("a1", "a2"):
        server.register(visitor)
    server.stop()
    (today,) = days(database)
    ahead = new_server(database, **several, **AHEAD).start()
    ahead.register("b")
    ahead.stop()
    assert days(database) == [today, "2029-03-01"]
    server.start()
    said = server.koyjabo("clock")
    assert said.returncode in (0, 1), said.stderr  # 0 if the kernel of this machine is synchronised
    done = server.koyjabo("clock", "--clock-is-right")
    assert done.returncode == 0, done.stderr
    for number in range(2 * workers):
        server.register(f"c{number}")
    assert days(database)[0] == today
    assert len(days(database)) <= 2  # midnight may pass during the test
    assert days(database)[-1] < "2029"
    wait_until(lambda: server.get("/api/stats").json()["timestamp"] < "2029", "the time is today's again")
    server.stop()
    server.start()
    server.register("d")
    assert days(database)[-1] < "2029"
    verified = server.koyjabo("verify")
    assert verified.returncode == 0, verified.stdout
    assert server.koyjabo("clock").returncode == 0


@pytest.mark.long(
    proved_by="upkeep/clock/test_clock.py::test_rows_are_filed_again_only_after_all_workers_follow_the_answer"
)
def test_all_workers_follow_an_answer_once_the_command_returns(database, new_server, redis_server):
    with Site(database.url, Time(system_now_ms() + 900 * DAY_MS)) as ahead:
        ahead.register()
    server = two_workers(new_server(database, REDIS_URL=redis_server.url))
    with worker_connections(server) as connections:
        done = server.koyjabo("clock", "--visits-are-right")
        assert done.returncode == 0, done.stderr
        for connection in connections:
            (warning,) = connection.ask("GET", "/readyz")[1]["warnings"]
            assert "the clock is wrong" in warning
