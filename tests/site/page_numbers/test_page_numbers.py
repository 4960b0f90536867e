"""Numbers of pages, on one worker and on several that push each other's views."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from support.application.page_numbers import when_counted
from support.application.site import Site
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers
from support.databases.database import SqliteDatabase
from support.faults.shared_numbers import SharedNumber
from support.people.communities import Cast, found
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer

from koyjabo.site.page_numbers.page_numbers import PageNumbers

ON = {"PAGE_NUMBERS": "*"}


@pytest.fixture
def site(database):
    with Site(database.url, **ON) as site:
        yield site


def get(site: Site, *paths: str, **headers: str):
    return site.client.get("/api/pages", query_string=[("path", path) for path in paths], headers=headers)


def views(site: Site, *paths: str) -> list[tuple[int | None, int | None]]:
    """The views of these pages, since the beginning and today. Waits until the sums are ready."""
    response = when_counted(site, "/api/pages", *paths)
    assert response.status_code == 200, response.text
    return [(page["views"], page["today"]) for page in response.json["pages"]]


def view(site: Site, visitor: str, page: str, event_id: str, name: str = "pageview") -> None:
    event = {"id": event_id, "name": name, "page": page}
    assert site.post("/api/events", json={"visitorId": visitor, "events": [event]}).status_code == 200


@pytest.mark.both_kinds
def test_number_has_each_acknowledged_view_once(site):
    site.register("a", page="/posts/a?utm_source=x", visitId="1")
    view(site, "a", "/posts/a", "e1")
    view(site, "a", "/posts/b", "e2")
    assert views(site, "/posts/a", "/posts/b", "/c") == [(2, 2), (1, 1), (0, 0)]
    site.register("a", page="/posts/a", visitId="1"), view(site, "a", "/posts/a", "e1")
    view(site, "a", "/posts/a", "e3", name="click")
    site.register("b", page=None)
    assert views(site, "/posts/a") == [(2, 2)]
    site.register("b", page="/posts/a")
    assert views(site, "/posts/a") == [(3, 3)]


@pytest.mark.both_kinds
def test_requests_that_are_read_together_each_get_their_own_page(site):
    site.register("a", page="/posts/7")
    pages = [f"/posts/{number}" for number in range(100)]
    views(site, *pages)
    numbers = site.services[PageNumbers]
    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(lambda page: numbers.read([page]).pages[page].views, pages))
    assert counts == [page == "/posts/7" for page in pages]


def test_paths_keep_their_order_and_spelling_and_are_one_page(site):
    site.register("a", page="/%e0%a6%95%2fb"), site.register("b", page="/a-b")
    paths = ["/a%2db", "/\u0995%2Fb", "/x/../a-b", "/a-b", "/a-b"]
    response = get(site, *paths)
    assert [page["path"] for page in response.json["pages"]] == paths
    assert [page["views"] for page in response.json["pages"]] == [1] * 5
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_only_a_changed_number_gets_a_new_tag(site):
    site.register("a", page="/a")
    first = get(site, "/a")
    tag = {"If-None-Match": first.headers["ETag"]}
    site.register("b", page="/b")
    assert get(site, "/a", **tag).status_code == 304
    site.register("b", page="/a")
    changed = get(site, "/a", **tag)
    assert (changed.status_code, changed.json["revision"] > first.json["revision"]) == (200, True)


@pytest.mark.parametrize(
    "query",
    ["", "path=", "path=file:///C:/a.html", "&".join(["path=/a"] * 101), f"path=/{'a' * 512}", "path=null", "p=/a"],
)
def test_wrong_paths_are_refused_with_their_field(site, query):
    response = site.client.get(f"/api/pages?{query}")
    assert (response.status_code, response.json["code"], list(response.json["details"])) == (
        400,
        "invalid_input",
        ["path"],
    )


def test_limits_include_100_paths_of_512_characters(site):
    response = site.client.get("/api/pages", query_string=[("path", "/" + "a" * 511)] * 100)
    assert (response.status_code, len(response.json["pages"])) == (200, 100)


def test_pages_that_are_not_named_have_no_number(database):
    with Site(database.url, PAGE_NUMBERS="/posts/*,/%61bout,/*/c") as site:
        for page in ("/posts/a", "/about", "/x/y/c", "/other", "/posts", "/aboutx"):
            site.register("a", page=page)
        paths = "/posts/a", "/about", "/x/y/c", "/other", "/posts", "/aboutx"
        assert views(site, *paths) == [(1, 1)] * 3 + [(None, None)] * 3


def test_pages_below_communities_have_a_number_only_if_the_community_is_listed(site):
    founder, paths = Cast(site)["admin"], []
    for listed in (True, False):
        paths.append(f"/communities/{found(founder, listed=listed)['id']}")
    paths.append("/communities/unknown")
    for path in paths:
        site.register("a", page=path)
    assert views(site, *paths, "/communities") == [(1, 1), (None, None), (None, None), (0, 0)]


def test_off_is_an_error(database):
    with Site(database.url) as site:
        response = get(site, "/a")
        assert (response.status_code, response.json["code"]) == (404, "page_numbers_off")


def test_today_begins_again_at_midnight(site):
    site.time.go_to("2025-12-16T23:59:59+06:00")
    site.register("a", page="/a"), view(site, "a", "/a", "e1")
    before = get(site, "/a").json
    assert views(site, "/a") == [(2, 2)]
    site.time.pass_(seconds=2)
    assert views(site, "/a") == [(2, 0)]
    assert get(site, "/a").json["revision"] > before["revision"]
    view(site, "a", "/a", "e2")
    assert views(site, "/a") == [(3, 1)]


UPDATE = "page_update"
WITHOUT_PULSES = {"koyjabo.base.cluster.base.TICK_S": 3600}
"""A worker learns of the other's views only from Redis."""

ROWS = """
SELECT (SELECT count(*) FROM visits WHERE page = '/a') + (SELECT count(*) FROM events WHERE page = '/a')
"""


def watch(page: PlainListener, path: str) -> PlainListener:
    page.first()
    page.say({"type": "pages", "paths": [path]})
    page.next_of_type(UPDATE)
    return page


def views_of(server, path: str = "/a") -> int | None:
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


def test_numbers_survive_killed_workers(database, new_server, redis):
    server = two_workers(new_server(database, PAGE_NUMBERS="*", REDIS_URL=redis.url))
    kills: list[int] = []
    with ThreadPoolExecutor(4) as clients:
        counts = [clients.submit(visit_without_end, server, number, lambda: len(kills) == 3) for number in range(4)]
        for _ in range(3):
            enough = views_of(server) + 20
            wait_until(lambda enough=enough: views_of(server) >= enough, "views are counted")
            kills.append(server.kill_worker())
    acknowledged = sum(count.result() for count in counts)
    (stored,) = database.rows(ROWS)[0]
    assert stored >= acknowledged
    wait_until(lambda: len(server.workers()) == 2, "both workers are back")
    for worker in server.workers():
        with only(server, worker):
            assert views_of(server) == stored
