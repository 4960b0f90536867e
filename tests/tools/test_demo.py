"""`make demo`: which servers it accepts, what it writes, and what visitors it brings."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.assertions.ledger import assert_verified
from support.programs.patience import PATIENCE_S
from support.programs.processes import SECRET, run, wait_until
from support.servers.server import Server

from demo.history import SWARM
from demo.people import MEMBERS

DAYS = 14
DEVELOPMENT = {
    "ENVIRONMENT": "development",
    "SECRET_KEY": SECRET,
    "LEAVE_GRACE_SECONDS": 2,
    "ADMIN_EMAIL": "rani@example.com",
    "ADMIN_PASSWORD": "rickshaw at dawn",
}
TOOLS = {"PYTHONPATH": "tools"}


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    server = module_servers(module_sqlite_database, **DEVELOPMENT).start()
    done = demo(url(server), "--minutes", "0", "--days", str(DAYS), **server.settings)
    assert (done.returncode, "Nothing was written" in done.stdout) == (0, False), done.stderr
    return server


def url(server: Server) -> str:
    return f"http://localhost:{server.port}"


def demo(url: str, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `make demo` with these settings until it exits."""
    return run("-m", "demo", "--url", url, *options, timeout_s=180, **settings, **TOOLS)


def logged_in(server: Server, email: str, password: str) -> dict[str, str]:
    body = {"email": email, "password": password}
    answer = requests.post(f"{server.url}/api/auth/login", json=body, timeout=PATIENCE_S)
    assert answer.ok, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_the_demo_gives_an_empty_database_a_past_that_adds_up(server):
    """It has communities with members, and a swarm of bots that a report can find."""
    days = server.database.rows("SELECT day, visits FROM daily_visits WHERE scope = 'site' ORDER BY day")
    assert len(days) in (DAYS, DAYS + 1)  # there may be no visits yet in the first hour of a day
    assert 18_000 < sum(visits for _, visits in days) < 28_000
    earlier = "SELECT count(*) FROM visits a JOIN visits b ON b.id = a.id + 1 WHERE b.at_ms < a.at_ms"
    assert server.database.rows(earlier) == [(0,)]
    assert server.database.rows("SELECT count(*) FROM memberships") == [(len(MEMBERS),)]
    admin = logged_in(server, DEVELOPMENT["ADMIN_EMAIL"], DEVELOPMENT["ADMIN_PASSWORD"])
    filters = {"range": "all", "by": "page", "evidence": "none", "page": "/fares", "system": "Linux"}
    rows = server.get("/api/reports/breakdown", params=filters, headers=admin).json()["rows"]
    assert [row["visits"] >= SWARM for row in rows] == [True]
    assert_verified(server)


def test_the_demo_says_what_is_missing_if_a_visitor_comes_while_it_writes(new_server, sqlite_database):
    server = new_server(sqlite_database, **DEVELOPMENT).start()
    with ThreadPoolExecutor() as pool:
        done = pool.submit(demo, url(server), "--minutes", "0", "--days", str(DAYS), **server.settings)
        wait_until(lambda: server.stats().total > 0, "the first hour is written")
        server.register("ayesha")
    again = demo(url(server), "--minutes", "0", "--days", str(DAYS), **server.settings)
    for run_of_demo in (done.result(), again):
        assert run_of_demo.returncode == 0, run_of_demo.stderr
        assert "Nothing was written from" in run_of_demo.stdout
    assert_verified(server)


REFUSED = [
    ("http://localhost:8000", "invented visits", {"ENVIRONMENT": "production"}),
    ("http://localhost:8000", "invented visits", {"DATABASE_URL": "postgresql://koyjabo@db.example.com/koyjabo"}),
    ("http://live.example.com", "not a server on this machine", {}),
    ("http://localhost:1", "no development server", {}),
    ("", "another DATABASE_URL", {}),
]


def test_the_demo_refuses_a_server_that_is_not_for_development(server, tmp_path):
    database = tmp_path / "koyjabo.db"
    for address, why, settings in REFUSED:
        done = demo(address or url(server), **{**DEVELOPMENT, "DATABASE_URL": f"sqlite:///{database}", **settings})
        assert (done.returncode, done.stdout, why in done.stderr) == (2, "", True), done.stderr
        assert not database.exists()
