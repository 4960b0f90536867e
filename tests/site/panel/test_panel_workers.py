"""The panel on two real workers: one recount at a time, and on every page when visits stopped being saved."""

import http.client
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest
from support.clients.members import Member, promote
from support.clients.worker_connections import only, two_workers
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.programs.zone import ZONE
from support.servers.server import Server

from koyjabo.base.cluster import workers_redis
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import connect
from koyjabo.base.cluster.workers import Progress, Worker
from koyjabo.base.cluster.workers_redis import RedisWorkers
from koyjabo.base.core.runtime import ThreadRuntime

DAY_S = 86_400


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture(scope="module")
def boss(server) -> Member:
    boss = Member(server, "boss")
    promote(server, boss)
    return boss


def begun(server: Server) -> int:
    return server.database.rows("SELECT count(*) FROM audit_log WHERE action = 'ledger.recount'")[0][0]


def hold(server: Server, worker: str) -> None:
    """Give the lease of recounts to this worker, or to none."""
    row = f"('recount', '', '{worker}', {round(1000 * time.time())})"
    update = "UPDATE SET worker = excluded.worker, seen_ms = excluded.seen_ms"
    insert = f"INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES {row} ON CONFLICT (name) DO {update}"
    server.database.rows(f"{insert} RETURNING 1")


class Panel:
    """An admin's panel on a connection to one worker."""

    def __init__(self, server: Server, boss: Member) -> None:
        cookies = boss.http.cookies.get_dict()
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)

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

    def close(self) -> None:
        self._connection.close()


@contextmanager
def panels(server: Server, boss: Member) -> Iterator[list[Panel]]:
    """A panel on each worker."""
    with ExitStack() as stack:
        opened = []
        for worker in server.workers():
            with only(server, worker):
                opened.append(Panel(server, boss))
                stack.callback(opened[-1].close)
                opened[-1].get("/admin/state")
        yield opened


def test_only_one_recount_runs_at_a_time_on_all_workers(server, boss, redis, monkeypatch):
    """A third worker has the lease, and reports its progress by Redis. Neither of the two starts another recount."""
    client = connect(redis.url)
    third = RedisWorkers(client, RedisOutbox(ThreadRuntime(), client, lambda: None))
    busy = Worker("third", Progress(1, 5, 20))
    before = begun(server)
    with monkeypatch.context() as patch, panels(server, boss) as both:
        patch.setattr(workers_redis, "LEASE_S", 3600.0)  # one report lasts for the whole test
        wait_until(lambda: third.report(busy) or len(third.live()) == 3, "Redis has the report")
        for panel in both:
            wait_until(
                lambda panel=panel: '<progress value="5" max="20"' in panel.get("/receipt"), "the worker shows it"
            )
        hold(server, "third")
        for worker in server.workers():
            with only(server, worker):
                boss.send_form("/receipt/recount")
    assert begun(server) == before
    third.report(busy._replace(recount=None))
    hold(server, "")

    def begins() -> bool:
        boss.send_form("/receipt/recount")
        return begun(server) > before

    wait_until(begins, "it is over, and another begins", every_s=0.5)


def second_of_day(text: str) -> int:
    hours, minutes, seconds = map(int, re.findall(r"\d+", text)[-3:])
    return 3600 * hours + 60 * minutes + seconds


def now() -> int:
    return second_of_day(f"{datetime.now(ZONE):%H:%M:%S}")


def test_the_panel_on_every_worker_shows_since_when_visits_are_not_saved(server, boss):
    with panels(server, boss) as both, ThreadPoolExecutor(1) as visitors:
        wait_until(lambda: not any(panel.unsaved() for panel in both), "all is saved")
        with server.database.locked():
            came = now()
            visit = visitors.submit(server.post_visit, "ayesha", "1")
            for panel in both:
                shown = wait_until(panel.unsaved, "the worker shows since when")
                assert (second_of_day(shown) - came) % DAY_S <= (now() - came) % DAY_S
            link = f'<a href="/admin/server">{re.split(r"[0-9]", shown)[0]}'
            wait_until(lambda: link in both[0].get("/admin/people"), "every page has it")
        assert visit.result().status_code in (200, 503)
        assert server.post_visit("ayesha", "2").status_code == 200
        for panel in both:
            wait_until(lambda panel=panel: not panel.unsaved(), "the worker shows it no longer")
        wait_until(lambda: all(server.get("/readyz").ok for _ in both), "both are ready")
