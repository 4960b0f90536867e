"""`make demo`: which servers it accepts, what it writes, and what it leaves behind."""

import signal
import subprocess
import sys
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from sqlalchemy.engine import make_url
from support.assertions.ledger import assert_verified
from support.databases.database import SqliteDatabase
from support.programs.patience import PATIENCE_S
from support.programs.processes import ROOT, SECRET, environment, run, wait_until
from support.servers.server import Server

from demo import blog, cast
from demo.cast import COMMUNITIES
from demo.history import SWARM
from demo.site import Page, Site
from demo.target_site import database_hosts

PAST = pytest.mark.long(proved_by="tools/test_demo.py::test_an_empty_database_is_given_a_past_that_adds_up")

TOOLS = {"PYTHONPATH": "tools"}
GRACE_S = 20
ADMIN = {"email": "rani@example.com", "password": "rickshaw at dawn"}
DEVELOPMENT = {
    "ENVIRONMENT": "development",
    "SECRET_KEY": SECRET,
    "LEAVE_GRACE_SECONDS": GRACE_S,
    "ADMIN_EMAIL": ADMIN["email"],
    "ADMIN_PASSWORD": ADMIN["password"],
}
FULL_S = 60
DAYS = 14


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database) -> Server:
    """A development server that a demo has prepared."""
    server = module_servers(module_sqlite_database, **DEVELOPMENT).start()
    done = demo(server, "--minutes", "0", "--days", str(DAYS))
    assert done.returncode == 0, done.stderr
    return server


def demo(server: Server, *options: str) -> subprocess.CompletedProcess[str]:
    return run_demo(f"http://localhost:{server.port}", *options, **server.settings)


def run_demo(url: str, *options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `make demo` with these settings until it exits."""
    return run("-m", "demo", "--url", url, *options, timeout_s=180, **settings, **TOOLS)


class Guide:
    """The member whose password the demo prints."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.member = cast.GUIDE
        body = {"email": self.member.email, "password": cast.password(SECRET)}
        answer = requests.post(f"{server.url}/api/auth/login", json=body, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        self._headers = {"Authorization": f"Bearer {self.token}"}

    def communities(self) -> dict[str, dict]:
        return {community["name"]: community for community in self.get("")}

    def get(self, path: str):
        answer = self._server.get(f"/api/communities{path}", headers=self._headers)
        assert answer.ok, answer.text
        return answer.json()


def test_an_empty_database_is_given_a_past_that_adds_up(server):
    days = server.database.rows("SELECT day, visits FROM daily_visits WHERE scope = 'site' ORDER BY day")
    assert len(days) in (DAYS, DAYS + 1)  # there may be no visits yet in the first hour of a day
    assert 18_000 < sum(visits for _, visits in days) < 28_000
    earlier = "SELECT count(*) FROM visits a JOIN visits b ON b.id = a.id + 1 WHERE b.at_ms < a.at_ms"
    assert server.database.rows(earlier) == [(0,)]
    assert_verified(server)


def test_bots_came_on_a_tuesday_without_visitors(server):
    """Reports show the swarm next to people, programs, and the operators' own visits."""
    token = requests.post(f"{server.url}/api/auth/login", json=ADMIN, timeout=PATIENCE_S).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    def report(kind: str, **query: str) -> Any:
        days = {} if "start" in query else {"range": "all"}
        answer = server.get(f"/api/reports/{kind}", params={**days, **query}, headers=headers)
        assert answer.ok, answer.text
        return answer.json()

    def rows(by: str, **filters: str) -> dict[str | None, int]:
        return {row["value"]: row["visits"] for row in report("breakdown", by=by, **filters)["rows"]}

    peak = max(report("timeline"), key=lambda day: day["visits"])["period"]
    assert date.fromisoformat(peak).weekday() == 1
    different = "".join(f", count(DISTINCT {name})" for name in ("page", "user_agent", "place", "hour_s"))
    swarm = "network = 'datacentre' AND attended_ms < 1000 AND NOT acted AND NOT automated"
    swarms = server.database.rows(f"SELECT day, count(*){different} FROM visits WHERE {swarm} GROUP BY day, hour_s")
    assert max(swarms, key=lambda row: row[1]) == (peak, SWARM, 1, 1, 1, 1)
    evidence = rows("evidence")
    assert evidence.keys() == {"automated", "acted", "stayed", "none"}
    assert evidence["acted"] > evidence["none"] > evidence["stayed"] > evidence["automated"]
    of_a_minute, of_more, of_much = (
        server.database.rows(f"SELECT count(*) FROM visits WHERE acted AND {lengths}")[0][0]
        for lengths in ("attended_ms BETWEEN 1000 AND 59999", "attended_ms >= 60000", "attended_ms >= 300000")
    )
    assert of_a_minute > 2 * of_more > 20 * of_much > 0
    assert rows("own")["own"] > 50
    summary = report("summary")
    assert SWARM < summary["visits"] - summary["attended"] < summary["visits"] / 4
    assert 5 <= summary["median_s"] <= 30


def test_posts_of_the_blog_show_their_views(server):
    with blog.served(server.url) as url:
        shown = requests.get(url, timeout=PATIENCE_S).text
        for post in blog.POSTS:
            assert f'<koyjabo-count value="page" page="{post.path}" views>' in shown
            page = requests.get(urljoin(url, post.path), timeout=PATIENCE_S).text
            assert '<koyjabo-count value="page" views>' in page
            assert f"{server.url}/static/js/koyjabo-count.js" in page
        assert requests.get(urljoin(url, "/posts/other"), timeout=PATIENCE_S).status_code == 404
    paths = {"path": [post.path for post in blog.POSTS]}
    wait_until(lambda: server.get("/api/pages", params=paths).status_code == 200, "the views are counted")
    assert min(page["views"] for page in server.get("/api/pages", params=paths).json()["pages"]) > 20


@PAST
def test_the_past_has_a_thursday_without_search_visits_to_one_page(server):
    """An admin can find out why visits fell, using only filters."""
    searched = (
        "SELECT day, sum(CASE WHEN page = '/metro' THEN 1 ELSE 0 END), count(*) FROM visits "
        "WHERE referrer LIKE '%google%' AND campaign IS NULL GROUP BY day ORDER BY day"
    )
    rows = server.database.rows(searched)[1:-1]
    (outage,) = [day for day, metro, _ in rows if not metro]
    assert date.fromisoformat(outage).weekday() == 3
    assert min(count for _, _, count in rows) > 20


@PAST
def test_communities_have_members_moderators_and_conversions(server):
    guide = Guide(server)
    communities = guide.communities()
    assert sorted(communities) == sorted(plan.name for plan in COMMUNITIES)
    here = communities[guide.member.community]
    roles = [member["role"] for member in guide.get(f"/{here['id']}/members?per_page=100")]
    assert (roles.count("admin"), roles.count("moderator"), len(roles)) == (1, 2, len(COMMUNITIES[0].names))
    growth = guide.get(f"/{here['id']}/visitors/growth")
    assert min(growth["current_period_visitors"], growth["previous_period_visitors"]) > 50
    converted = "SELECT count(*) FROM conversions"
    assert server.database.rows(converted)[0][0] > 10


@PAST
def test_a_second_run_writes_no_past(server):
    before = server.stats().total
    done = demo(server, "--minutes", "0")
    assert done.returncode == 0, done.stderr
    assert "no past visits are written" in done.stdout
    assert server.stats().total == before


@PAST
def test_visitors_come_and_all_of_them_leave(server):
    """They have locations and are online in communities. Ctrl+C ends all of them."""
    guide = Guide(server)
    before = server.stats()

    def online() -> int:
        return sum(community["online"] for community in guide.communities().values())

    url, env = f"http://localhost:{server.port}", environment(**server.settings, **TOOLS)
    command = [sys.executable, "-m", "demo", "--url", url, "--people", "40"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: server.stats().active >= before.active + 10, "ten are active", FULL_S, 0.3)
        wait_until(lambda: online() >= 3, "three members are online", FULL_S, 0.3)
        assert "Bangladesh" in server.get("/api/stats").json()["locations"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: online() == 0, "no member is online", FULL_S, 0.3)
    assert server.stats().total > before.total
    assert_verified(server)


@PAST
def test_a_page_is_a_member_online_until_it_is_closed(server):
    """A lost connection would keep the member online for the grace period."""
    guide = Guide(server)
    here = guide.communities()[guide.member.community]["id"]
    visitor = guide.member.visitor._replace(token=guide.token)
    page = Page(Site(f"localhost:{server.port}"), visitor, [(here, "visitors"), (here, "visitor-dashboard")])
    for _ in range(2):  # the second time is like a reload
        page.open()
        wait_until(lambda: guide.get(f"/{here}")["online"] == 1, "the guide is online")
        assert page.is_open
        page.close()
        assert not page.is_open
        wait_until(lambda: guide.get(f"/{here}")["online"] == 0, "no member is online", GRACE_S / 2)


@PAST
def test_visits_of_others_keep_the_past_away(module_servers, tmp_path):
    server = module_servers(SqliteDatabase(tmp_path / "koyjabo.db"), **DEVELOPMENT).start()
    server.register("ayesha")
    done = demo(server, "--minutes", "0")
    assert (done.returncode, "no past visits are written" in done.stdout) == (0, True), done.stderr
    assert server.stats().total == 1
    assert len(Guide(server).communities()) == len(COMMUNITIES)

    foreign = run_demo(
        f"http://localhost:{server.port}", **DEVELOPMENT, DATABASE_URL=f"sqlite:///{tmp_path / 'another.db'}"
    )
    assert_refused(foreign, "a different database")
    assert not (tmp_path / "another.db").exists()


def test_a_production_server_of_the_same_settings_is_refused(server, module_servers):
    production = module_servers(server.database, **{**DEVELOPMENT, "ENVIRONMENT": "production"}).start()
    before = production.stats().total
    refused = run_demo(f"http://localhost:{production.port}", **server.settings)
    assert_refused(refused, "not a development server")
    assert production.stats().total == before
    production.stop()


@pytest.mark.parametrize(
    ("url", "why", "settings"),
    [
        ("http://localhost:8000", "ENVIRONMENT is production", {"ENVIRONMENT": "production"}),
        ("http://localhost:8000", "another machine", {"DATABASE_URL": "postgresql://koyjabo@db.example.com/koyjabo"}),
        ("http://live.example.com", "not a server on this machine", {}),
        ("https://localhost:8000", "not a server on this machine", {}),
        ("http://localhost:99999", "is not a URL", {}),
        ("http://localhost:1", "No server responds", {}),
    ],
)
def test_any_other_server_or_database_is_refused(tmp_path, url, why, settings):
    database = tmp_path / "koyjabo.db"
    given = {**DEVELOPMENT, "DATABASE_URL": f"sqlite:///{database}", **settings}
    assert_refused(run_demo(url, **given), why)
    assert not database.exists()


def test_hosts_of_a_database_are_all_that_its_driver_may_connect_to(monkeypatch):
    for url, hosts in (
        ("sqlite:///demo.db", []),
        ("postgresql:///koyjabo", []),
        ("postgresql://koyjabo@/koyjabo?host=a.example.com", ["a.example.com"]),
        ("postgresql://koyjabo@localhost,a.example.com/koyjabo", ["localhost", "a.example.com"]),
        ("postgresql://koyjabo@/koyjabo?hostaddr=192.0.2.1", ["192.0.2.1"]),
        ("postgresql:///koyjabo?service=live", ["service live"]),
    ):
        assert database_hosts(make_url(url)) == hosts, url
    for name, value in (("PGHOST", "a.example.com"), ("PGHOSTADDR", "192.0.2.1"), ("PGSERVICE", "live")):
        monkeypatch.setenv(name, value)
    assert database_hosts(make_url("postgresql:///koyjabo")) == ["a.example.com", "192.0.2.1", "service live"]


@pytest.mark.parametrize("answer", [b"", b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"mark": 1}'])
def test_a_server_without_the_mark_is_refused(tmp_path, answer):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        settings = {**DEVELOPMENT, "DATABASE_URL": f"sqlite:///{tmp_path / 'koyjabo.db'}"}
        refused = run_demo(f"http://127.0.0.1:{other.server_port}", **settings)
        other.shutdown()
    assert_refused(refused, "not a development server")


def assert_refused(done: subprocess.CompletedProcess[str], why: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert why in done.stderr
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
