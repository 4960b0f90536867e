"""What the panel does over two workers, on real ones: archive a community, recount the ledger, know each other, and
say on every page since when visits cannot be saved.
"""

from __future__ import annotations

import http.client
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import requests
from support.databases import SqliteDatabase
from support.members import KINDS, CommunityListener, Member, PlainMember, promote
from support.processes import wait_until
from support.server import Server
from support.workers import only, two_workers

from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.cluster.workers import SOCKET_KINDS, Progress, Worker
from koyjabo.cluster.workers_redis import RedisWorkers
from koyjabo.runtime import ThreadRuntime

FORBIDDEN = 4003
LIST_WORKERS = "koyjabo:workers"
SOON_S = 8.0
ZONE = ZoneInfo("Asia/Dhaka")
HEARD_S = 5.0
"""By then every worker has heard what another tells."""


@pytest.fixture(scope="module")
def server(module_servers, shared_redis, tmp_path_factory) -> Server:
    with shared_redis.client() as client:
        client.flushall()
    database = SqliteDatabase.migrated(tmp_path_factory.mktemp("database") / "koyjabo.db")
    return two_workers(module_servers(database, REDIS_URL=shared_redis.url))


@pytest.fixture(scope="module")
def boss(server) -> Member:
    boss = Member(server, "boss")
    promote(server, boss)
    return boss


def code_of(socket: CommunityListener) -> int:
    """With which code a socket is sent away, of either kind."""
    if isinstance(socket, PlainMember):
        return socket.wait_for_code()
    return socket.next_of_type("kicked", 0)["code"]


def stored(server: Server, statement: str) -> list[tuple]:
    connection = sqlite3.connect(server.database.path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_sockets_of_an_archived_community_are_closed_on_every_worker(server, boss, kind):
    founder = Member(server)
    community = founder.found()
    sockets = []
    for worker in server.workers():
        with only(server, worker):
            sockets.append(kind(server.port, community, founder.token))
        wait_until(lambda: sockets[-1].heard, "it is let in")
    boss.send_form(f"/communities/{community}/archive")
    for socket in sockets:
        assert code_of(socket) == FORBIDDEN
    assert founder.call("GET", f"/api/communities/{community}", status=404)["code"] == "unknown_community"
    boss.send_form(f"/communities/{community}/restore")
    assert founder.call("GET", f"/api/communities/{community}")["role"] == "admin"


def test_recount_goes_on_beside_requests_and_is_told(server, boss):
    ended = "SELECT details FROM audit_log WHERE action = 'ledger.recounted' ORDER BY id DESC"
    wait_until(lambda: len(stored(server, ended)) == begun(server), "no other one goes on", timeout_s=60)
    before = begun(server)
    for number in range(5):
        boss.visit(f"v{number}")
    boss.send_form("/data/recount")
    wait_until(lambda: len(stored(server, ended)) > before, "the recount has ended", timeout_s=60)
    found = json.loads(stored(server, ended)[0][0])
    assert (found["agrees"], found["rows"]) == (True, stored(server, "SELECT count(*) FROM visits")[0][0])


def begun(server: Server) -> int:
    return stored(server, "SELECT count(*) FROM audit_log WHERE action = 'ledger.recount'")[0][0]


def test_recount_is_one_at_a_time_on_all_workers(server, boss, shared_redis):
    """A third worker recounts, as Redis has it, and neither of the two begins another."""
    client = connect(shared_redis.url)
    third = RedisWorkers(client, Outbox(ThreadRuntime(), client.ping, lambda: None))
    busy = Worker("third", "elsewhere", 7, 1, 2, None, dict.fromkeys(SOCKET_KINDS, 0), Progress(1, 5, 20))
    before = begun(server)
    wait_until(lambda: third.report(busy) or len(third.live()) == 3, "it is known to Redis")
    deadline = time.monotonic() + HEARD_S
    while time.monotonic() < deadline:  # it goes on telling, until the others have heard of it
        third.report(busy)
        time.sleep(0.5)
    for worker in server.workers():
        third.report(busy)
        with only(server, worker):
            boss.send_form("/data/recount")
    assert begun(server) == before
    third.report(busy._replace(recount=None))

    def begins() -> bool:
        boss.send_form("/data/recount")
        return begun(server) > before

    wait_until(begins, "it is over, and another begins", every_s=0.5)


def test_workers_tell_of_themselves_and_of_their_sockets(server, shared_redis):
    def told() -> dict[int, dict]:
        with shared_redis.client() as client:
            said = map(json.loads, client.hvals(LIST_WORKERS))
        return {each["pid"]: each for each in said}

    pids = {worker.pid for worker in server.workers()}
    wait_until(lambda: set(told()) == pids, "both have told")
    member = Member(server)
    with KINDS[0](server.port, member.found(), member.token):
        wait_until(lambda: sum(each["sockets"]["communities"] for each in told().values()) == 1, "it is counted")
    wait_until(lambda: sum(each["sockets"]["communities"] for each in told().values()) == 0, "it is gone")


def test_audit_log_has_the_place_of_a_real_request_and_no_address(server, boss):
    requests.post(
        f"http://127.0.0.1:{server.port}/api/communities", json={"name": "x"}, headers=boss.bearer, timeout=30
    )
    ((place,), *_) = stored(server, "SELECT place FROM audit_log WHERE action = 'community.create' ORDER BY id DESC")
    assert place
    assert "127.0.0.1" not in str(stored(server, "SELECT * FROM audit_log"))


class Panel:
    """The panel of an admin, on a connection that stays with one worker."""

    def __init__(self, server: Server, boss: Member) -> None:
        cookies = boss.http.cookies.get_dict()
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)

    def get(self, path: str) -> str:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text

    def unsaved(self) -> str:
        text = self.get("/admin/state")
        assert len(text.encode()) <= 300
        return json.loads(text)["unsaved"]

    def is_red(self) -> bool:
        return json.loads(self.get("/admin/state"))["health"] == "danger"

    def close(self) -> None:
        self._connection.close()


@contextmanager
def panels(server: Server, boss: Member) -> Iterator[list[Panel]]:
    """One on each worker."""
    with ExitStack() as stack:
        found = []
        for worker in server.workers():
            with only(server, worker):
                found.append(Panel(server, boss))
                stack.callback(found[-1].close)
                found[-1].get("/admin/state")
        yield found


def seconds_of_day(text: str) -> int:
    hours, minutes, seconds = map(int, re.findall(r"\d+", text)[-3:])
    return 3600 * hours + 60 * minutes + seconds


def test_every_worker_says_since_when_visits_are_not_saved_and_when_one_is(server, boss):
    with panels(server, boss) as both, ThreadPoolExecutor(1) as visitors:
        assert [each.unsaved() for each in both] == ["", ""]
        with server.database.locked():
            came, began = datetime.now(ZONE), time.monotonic()
            visit = visitors.submit(server.post_visit, "ayesha", "1")
            for each in both:
                wait_until(each.unsaved, "it is said", timeout_s=SOON_S)
            assert time.monotonic() - began < SOON_S
            said = {each.unsaved() for each in both}
            assert all(each.startswith("Visits have not been saved since ") for each in said)
            expected = seconds_of_day(f"{came:%H:%M:%S}")
            assert all((seconds_of_day(each) - expected) % 86_400 in (0, 1, 2) for each in said)
            assert all(each.is_red() for each in both)
            page = both[0].get("/admin/users")
            assert re.search(r'<p class="[^"]*"[^>]*>Visits have not been saved since', page)
        assert visit.result().status_code in (200, 503)
        assert server.post_visit("ayesha", "2").status_code == 200
        ended = time.monotonic()
        for each in both:
            wait_until(lambda each=each: not each.unsaved(), "it is not said any more", timeout_s=SOON_S)
        assert time.monotonic() - ended < SOON_S
        assert all(server.get("/readyz").ok for _ in both)
