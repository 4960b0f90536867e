"""Several workers show the same numbers of pages, also after kills, and push each other's views."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from support.application.site import Site
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers
from support.databases.database import SqliteDatabase
from support.faults.shared_numbers import SharedNumber
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer

UPDATE = "page_update"
WITHOUT_PULSES = {"koyjabo.application.assembly.TICK_S": 3600}
"""A worker learns of the other's views only from Redis."""

ROWS = """
SELECT (SELECT count(*) FROM visits WHERE page = '/a') + (SELECT count(*) FROM events WHERE page = '/a')
"""


def watch(page: PlainListener, path: str) -> PlainListener:
    page.first()
    page.say({"type": "pages", "paths": [path]})
    page.next_of_type(UPDATE)
    return page


def views(server, path: str = "/a") -> int | None:
    return requests.get(f"{server.url}/api/pages", {"path": path}, timeout=PATIENCE_S).json()["pages"][0]["views"]


def test_views_on_one_worker_are_pushed_by_the_other(tmp_path, redis):
    database, changes = SqliteDatabase.migrated(tmp_path / "koyjabo.db"), json.dumps(WITHOUT_PULSES)
    made = ChangedServer(database, tmp_path, CHANGES=changes, REDIS_URL=redis.url, PAGE_NUMBERS="*")
    try:
        server = two_workers(made)
        first, second = server.workers()
        with only(server, first):
            page = watch(PlainListener(server.port), "/a")
        with page:
            with only(server, second):
                server.register("ayesha", page="/a")
            assert page.next_of_type(UPDATE, 1)["pages"] == [{"path": "/a", "views": 1, "today": 1}]
            event = {"id": "e", "name": "pageview", "page": "/a"}
            with only(server, second):
                server.post("/api/events", json={"visitorId": "ayesha", "events": [event]})
            assert page.next_of_type(UPDATE, 2)["pages"] == [{"path": "/a", "views": 2, "today": 2}]
    finally:
        made.kill()


def test_a_newcomer_hides_no_change_from_the_others(tmp_path):
    """The worker learns of a view elsewhere only because it reads the numbers for another client."""
    database, changes = SqliteDatabase.migrated(tmp_path / "koyjabo.db"), json.dumps(WITHOUT_PULSES)
    server = ChangedServer(database, tmp_path, CHANGES=changes, PAGE_NUMBERS="*")
    try:
        server.start()
        with watch(PlainListener(server.port), "/a") as page:
            with Site(database.url) as elsewhere:
                elsewhere.register("ayesha", page="/a")
            with watch(PlainListener(server.port), "/a") as newcomer:
                told = [page.next_of_type(UPDATE, 1), newcomer.of_type(UPDATE)[0].event]
                assert [update["pages"][0]["views"] for update in told] == [1, 1]
    finally:
        server.kill()


def test_midnight_is_pushed(tmp_path):
    clock, database = SharedNumber(tmp_path / "ahead"), SqliteDatabase.migrated(tmp_path / "koyjabo.db")
    server = ChangedServer(database, tmp_path, CHANGES="{}", CLOCK=clock.path, PAGE_NUMBERS="*")
    try:
        server.start()
        server.register("ayesha", page="/a")
        with watch(PlainListener(server.port), "/a") as page:
            clock.set(86_400_000)
            assert page.next_of_type(UPDATE, 1)["pages"] == [{"path": "/a", "views": 1, "today": 0}]
    finally:
        server.kill()


def visit_without_end(server, number: int, is_over) -> int:
    """Register visits and page views until the end. Returns how many were acknowledged."""
    acknowledged = 0
    while not is_over():
        visitor = f"v{number}"
        event = {"id": f"{number}-{acknowledged}", "name": "pageview", "page": "/a"}
        with suppress(requests.RequestException):
            body = {"visitorId": visitor, "page": "/a", "visitId": f"{number}-{acknowledged}"}
            visit = requests.post(f"{server.url}/api/visitor/register", json=body, timeout=PATIENCE_S)
            view = requests.post(
                f"{server.url}/api/events", json={"visitorId": visitor, "events": [event]}, timeout=PATIENCE_S
            )
            acknowledged += visit.ok + view.ok
    return acknowledged


@pytest.mark.both_kinds
def test_numbers_survive_killed_workers(database, new_server, redis):
    server = two_workers(new_server(database, PAGE_NUMBERS="*", REDIS_URL=redis.url))
    kills: list[int] = []
    with ThreadPoolExecutor(4) as clients:
        counts = [clients.submit(visit_without_end, server, number, lambda: len(kills) == 3) for number in range(4)]
        for _ in range(3):
            enough = views(server) + 20
            wait_until(lambda enough=enough: views(server) >= enough, "views are counted")
            kills.append(server.kill_worker())
    acknowledged = sum(count.result() for count in counts)
    (stored,) = database.rows(ROWS)[0]
    assert stored >= acknowledged
    wait_until(lambda: len(server.workers()) == 2, "both workers are back")
    for worker in server.workers():
        with only(server, worker):
            assert views(server) == stored
