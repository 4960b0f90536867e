"""Numbers of pages, on one worker and on several that push each other's views."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests
from support.application.page_numbers import when_counted
from support.application.site import Site, site_fixture
from support.clients.listener import PlainListener
from support.clients.worker_connections import only, two_workers
from support.databases.database import SqliteDatabase
from support.people.communities import Cast, found
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer

UPDATE = "page_update"
WITHOUT_PULSES = {"koyjabo.base.cluster.base.TICK_S": 3600}  # a worker learns of the other's views only from Redis
STORED_VIEWS = """
SELECT (SELECT count(*) FROM visits WHERE page = '/a') + (SELECT count(*) FROM events WHERE page = '/a')
"""

site = site_fixture(PAGE_NUMBERS="*")
shared_site = site_fixture(is_shared=True, PAGE_NUMBERS="*")


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
def test_the_number_of_a_page_counts_each_acknowledged_view_once(site):
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


def test_pages_are_returned_in_the_order_and_spelling_of_the_request(shared_site):
    shared_site.register("a", page="/%e0%a6%95%2fb"), shared_site.register("b", page="/a-b")
    paths = ["/a%2db", "/\u0995%2Fb", "/x/../a-b", "/a-b", "/a-b"]
    response = get(shared_site, *paths)
    assert [page["path"] for page in response.json["pages"]] == paths
    assert [page["views"] for page in response.json["pages"]] == [1] * 5
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_only_a_view_of_its_pages_changes_the_etag_of_a_response(shared_site):
    first = get(shared_site, "/tagged")
    tag = {"If-None-Match": first.headers["ETag"]}
    shared_site.register("b", page="/b")
    assert get(shared_site, "/tagged", **tag).status_code == 304
    shared_site.register("b", page="/tagged")
    changed = get(shared_site, "/tagged", **tag)
    assert (changed.status_code, changed.json["revision"] > first.json["revision"]) == (200, True)


def test_a_request_has_1_to_100_paths_of_up_to_512_characters(shared_site):
    for query in ("", "&".join(["path=/a"] * 101), f"path=/{'a' * 512}", "path=null", "p=/a"):
        response = shared_site.client.get(f"/api/pages?{query}")
        assert (response.status_code, response.json["code"]) == (400, "invalid_input"), query
        assert list(response.json["details"]) == ["path"]
    response = get(shared_site, *["/" + "a" * 511] * 100)
    assert (response.status_code, len(response.json["pages"])) == (200, 100)


def test_a_page_has_a_number_only_if_the_setting_names_it(database):
    with Site(database.url, PAGE_NUMBERS="/posts/*,/%61bout,/*/c") as site:
        paths = "/posts/a", "/about", "/x/y/c", "/other", "/posts", "/aboutx"
        for page in paths:
            site.register("a", page=page)
        assert views(site, *paths) == [(1, 1)] * 3 + [(None, None)] * 3


def test_a_page_of_a_community_has_a_number_only_if_the_community_is_listed(shared_site):
    founder, paths = Cast(shared_site)["admin"], []
    for listed in (True, False):
        paths.append(f"/communities/{found(founder, listed=listed)['id']}")
    paths.append("/communities/unknown")
    for path in paths:
        shared_site.register("a", page=path)
    assert views(shared_site, *paths, "/communities") == [(1, 1), (None, None), (None, None), (0, 0)]


def watch(page: PlainListener, path: str) -> PlainListener:
    page.first()
    page.say({"type": "pages", "paths": [path]})
    page.next_of_type(UPDATE)
    return page


def views_of(server, path: str = "/a") -> int | None:
    return requests.get(f"{server.url}/api/pages", {"path": path}, timeout=PATIENCE_S).json()["pages"][0]["views"]


def test_a_view_on_one_worker_is_pushed_by_the_other_worker(tmp_path, redis):
    database, changes = SqliteDatabase.migrated(tmp_path / "koyjabo.db"), json.dumps(WITHOUT_PULSES)
    server = ChangedServer(database, tmp_path, CHANGES=changes, REDIS_URL=redis.url, PAGE_NUMBERS="*")
    try:
        first, second = two_workers(server).workers()
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
        server.kill()


def visit_without_end(server, number: int, is_over) -> int:
    """Register visits and page views until the end. Returns how many were acknowledged."""
    acknowledged = 0
    while not is_over():
        visitor = f"v{number}"
        event = {"id": f"{number}-{acknowledged}", "name": "pageview", "page": "/a"}
        visit = {"visitorId": visitor, "page": "/a", "visitId": f"{number}-{acknowledged}"}
        for call, body in (("visitor/register", visit), ("events", {"visitorId": visitor, "events": [event]})):
            with suppress(requests.RequestException):
                acknowledged += requests.post(f"{server.url}/api/{call}", json=body, timeout=PATIENCE_S).ok
    return acknowledged


def test_numbers_include_every_acknowledged_view_after_workers_are_killed(database, new_server, redis):
    server = two_workers(new_server(database, PAGE_NUMBERS="*", REDIS_URL=redis.url))
    kills: list[int] = []
    with ThreadPoolExecutor(4) as clients:
        counts = [clients.submit(visit_without_end, server, number, lambda: len(kills) == 3) for number in range(4)]
        for _ in range(3):
            enough = views_of(server) + 20
            wait_until(lambda enough=enough: views_of(server) >= enough, "views are counted")
            kills.append(server.kill_worker())
    acknowledged = sum(count.result() for count in counts)
    (stored,) = database.rows(STORED_VIEWS)[0]
    assert stored >= acknowledged
    wait_until(lambda: len(server.workers()) == 2, "both workers are back")
    for worker in server.workers():
        with only(server, worker):
            assert views_of(server) == stored
