"""Clients watch the numbers of pages: all kinds of connections get them at once, and only when they change."""

from __future__ import annotations

from collections import Counter

import pytest
from support.application.site import Site
from support.clients.event_source import EventSource
from support.clients.listener import PlainListener, SocketioListener
from support.clients.websocket import say
from support.clients.websocket_pool import Listeners
from support.programs.processes import wait_until

from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

UPDATE = "page_update"
CROWD, OF_CROWD = 100, 10


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, PAGE_NUMBERS="/posts/*").start()


class PlainPage(PlainListener):
    def watch(self, *paths, **options):
        """Watch these paths, and return the numbers that were sent."""
        before = len(self.of_type(UPDATE))
        self.say({"type": "pages", "paths": paths, **options})
        return self.next_of_type(UPDATE, before)


class SocketioPage(SocketioListener):
    def watch(self, *paths, **options):
        before = len(self.of_type(UPDATE))
        acknowledged = self.ask("pages", {"paths": list(paths), **options})
        update = self.next_of_type(UPDATE, before)
        assert acknowledged == {"ok": True, **update}
        return update


@pytest.fixture(params=[PlainPage, SocketioPage], ids=["plain", "socketio"])
def page(request, server):
    with request.param(server.port) as page:
        page.first()
        yield page


def numbers(update) -> dict[str, int | None]:
    return {page["path"]: page["views"] for page in update["pages"]}


def next_numbers(page, after: int) -> dict[str, int | None]:
    return numbers(page.next_of_type(UPDATE, after))


def test_the_first_update_has_all_pages_and_later_updates_have_only_changed_numbers(server, page):
    paths = f"/posts/{page.kind}", "/posts/%C3%A9", "/posts/\u00e9", "/about"
    first = page.watch(*paths)
    assert list(numbers(first)) == list(paths)
    assert numbers(first)["/about"] is None
    server.register("a", page=paths[0])
    assert next_numbers(page, 1) == {paths[0]: 1}
    assert page.of_type(UPDATE)[-1].event["revision"] > first["revision"]
    server.register("a", page="/posts/unwatched"), server.register("a", page=paths[1])
    assert next_numbers(page, 2) == {path: numbers(first)[path] + 1 for path in paths[1:3]}
    event = {"id": page.kind, "name": "pageview", "page": paths[0]}
    server.post("/api/events", json={"visitorId": "a", "events": [event]})
    assert next_numbers(page, 3) == {paths[0]: 2}


def test_a_path_with_half_a_character_gets_the_number_of_its_page(server, page):
    """JSON can escape half of a pair of surrogates, which UTF-8 cannot."""
    path = f"/posts/{page.kind}"
    assert list(numbers(page.watch(f"{path}\ud83d")).values()) == [0]
    server.register("a", page=f"{path}\ufffd")
    assert next_numbers(page, 1) == {f"{path}\ufffd": 1}


def test_a_new_list_replaces_the_earlier_list_and_an_invalid_list_changes_nothing(server, page):
    kept, left = f"/posts/kept-{page.kind}", f"/posts/left-{page.kind}"
    page.watch(left)
    page.watch(kept)
    for wrong in ([kept, 3], "/posts/a", None, ["/posts/a"] * 101, ["/posts/" + "a" * 512], ["file:///a"]):
        if isinstance(page, PlainPage):
            page.say({"type": "pages", "paths": wrong})
        else:
            assert page.ask("pages", {"paths": wrong})["code"] == "invalid_message"
    page.next_of_type("error", 5)
    server.register("a", page=left), server.register("a", page=kept)
    assert next_numbers(page, 2) == {kept: 1}
    assert page.watch() == {**page.of_type(UPDATE)[-1].event, "pages": []}


def test_a_list_with_adds_keeps_the_earlier_pages(server, page):
    paths = [f"/posts/added-{page.kind}-{number}" for number in range(3)]
    page.watch(paths[0])
    assert [*numbers(page.watch(paths[1], adds=True))] == [paths[1]]
    for number, path in enumerate(paths[:2], 2):
        server.register("a", page=path)
        assert next_numbers(page, number) == {path: 1}
    page.watch(paths[2])
    server.register("a", page=paths[0]), server.register("a", page=paths[1]), server.register("a", page=paths[2])
    assert next_numbers(page, 5) == {paths[2]: 1}


def test_a_view_is_sent_only_to_the_clients_that_watch_its_page(server):
    """All other clients get only the new stats."""
    with Listeners(server.port, CROWD) as crowd:
        crowd.wait_for_first()
        watching = set(crowd.all[:: CROWD // OF_CROWD])
        for listener in watching:
            listener.client.send(say(type="pages", paths=["/posts/storm"]))
        crowd.run(lambda one: one.types[UPDATE] == (one in watching), "the number")
        server.register("a", page="/posts/storm")
        crowd.run(lambda one: one.types[UPDATE] == 2 * (one in watching), "the view")
        later = server.register("b", page="/posts/elsewhere").stats.revision
        crowd.run(lambda one: max(one.revisions) >= later, "a later visit")
        assert Counter(one.types[UPDATE] for one in crowd.all) == {2: OF_CROWD, 0: CROWD - OF_CROWD}
        assert all(set(one.types) == {"visitor_update"} for one in set(crowd.all) - watching)


def test_a_stream_sends_the_numbers_of_the_pages_in_its_query(server):
    with EventSource(server.port, "/api/stream?path=/posts/stream&path=/about") as stream:
        assert stream.event()["type"] == "visitor_update"
        assert numbers(stream.event()) == {"/posts/stream": 0, "/about": None}
        server.register("a", page="/posts/stream")
        update = next(event for event in iter(stream.event, None) if event["type"] == UPDATE)
        assert numbers(update) == {"/posts/stream": 1}
    with EventSource(server.port, "/api/stream?path=file:///a") as stream:
        assert stream.error == (400, "invalid_input")


def test_open_pages_follow_the_setting_when_it_is_turned_off_and_on(new_server, sqlite_database):
    server = new_server(sqlite_database).start()
    with Site(sqlite_database.url) as operator, PlainPage(server.port) as page:
        stored = operator.services[StoredSettings]
        page.first()
        page.say({"type": "pages", "paths": ["/a"]})
        assert page.next_of_type("error")["code"] == "page_numbers_off"
        with EventSource(server.port, "/api/stream?path=/a") as stream:
            assert stream.error == (404, "page_numbers_off")
        stored.change(OPERATOR, PAGE_NUMBERS="*")
        wait_until(lambda: server.get("/api/pages?path=/a").status_code == 200, "the pages are counted")
        assert numbers(page.watch("/a")) == {"/a": 0}  # sent again if the server has not followed the setting yet
        stored.change(OPERATOR, PAGE_NUMBERS="")
        wait_until(lambda: numbers(page.of_type(UPDATE)[-1].event) == {"/a": None}, "the page has no number")
        server.register("ayesha", page="/a")
        stored.change(OPERATOR, PAGE_NUMBERS="/a")
        wait_until(lambda: numbers(page.of_type(UPDATE)[-1].event) == {"/a": 1}, "the visit was counted")
