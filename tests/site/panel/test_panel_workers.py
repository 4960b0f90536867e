"""The panel on two real workers shows on every page when visits stopped being saved."""

import http.client
import json
import re
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

DAY_S = 86_400


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis) -> Server:
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url))


@pytest.fixture(scope="module")
def boss(server) -> Member:
    boss = Member(server, "boss")
    promote(server, boss)
    return boss


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
