"""What the clients that watch pages cost: it follows the pages, and not the names that clients gave them."""

import json
from typing import Any

import pytest
import socketio
from support.application.page_numbers import when_counted
from support.application.site import Site

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.realtime import room as rooms
from koyjabo.realtime.client_rooms import ClientRooms
from koyjabo.realtime.encoded_event import EncodedEvent
from koyjabo.realtime.services import RealtimeServices
from koyjabo.site.page_numbers import pages_room, watched
from koyjabo.site.page_numbers.page_numbers import page_of
from koyjabo.site.page_numbers.page_update import PAGES_ROOM
from koyjabo.site.page_numbers.pages_room import PagesRoom

ADDRESS, ANOTHER = "203.0.113.9", "198.51.100.7"


class Socket:
    """A plain WebSocket, or a stream, that keeps what it receives."""

    def __init__(self, is_stream: bool = False) -> None:
        self._form = "stream" if is_stream else "plain"
        self.received: list[bytes] = []

    def write_event(self, event: EncodedEvent) -> None:
        self.received.append(getattr(event, self._form))

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [json.loads(data[data.index(b"{") :].strip()) for data in self.received]

    @property
    def paths(self) -> list[list[str]]:
        return [[page["path"] for page in update["pages"]] for update in self.updates]

    @property
    def views(self) -> list[int]:
        return [update["pages"][0]["views"] for update in self.updates]


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, PAGE_NUMBERS="*") as site:
        when_counted(site, "/api/pages", "/a")
        yield site


@pytest.fixture
def room(site, monkeypatch):
    """The room, which sends only when a test says so."""
    room = site.services[PagesRoom]
    monkeypatch.setattr(room, "changed", lambda: None)
    return room


def watch(room, *paths: str, address: str = ADDRESS, socket: Socket | None = None, adds: bool = False) -> Socket:
    socket = socket or Socket()
    room.watch(socket, [(path, page_of(path)) for path in paths], adds, address)
    return socket


def push(site, room, page: str) -> None:
    """Let the room send what a view of a page changes."""
    site.register("reader", page=page)
    room._broadcast()


def test_a_recorded_page_view_is_announced_to_the_room_of_pages(site, monkeypatch):
    announced = []
    monkeypatch.setattr(site.services[RealtimeServices].rooms, "changed", lambda room, _: announced.append(room))
    event = {"id": "1", "name": "pageview", "page": "/a"}
    site.post("/api/events", json={"visitorId": "reader", "events": [event]})
    assert announced == [PAGES_ROOM]


def test_later_updates_have_the_spellings_of_their_client_without_queries(site, room):
    paths = ["/a?b", "https://me.example/a?b#c", "/%61", "/c"]
    sockets = [watch(room, *paths), watch(room, *paths, socket=Socket(is_stream=True))]
    push(site, room, "/a")
    push(site, room, "/c")
    expected = [paths, ["/a", "https://me.example/a", "/%61"], ["/c"]]
    assert [socket.paths for socket in sockets] == [expected, expected]


def test_all_spellings_of_a_page_share_one_room_and_one_copy_of_an_update(site, room):
    before = len(site.services[RealtimeServices].fanout.sinks())
    spelled = [watch(room, *(f"https://{number}.{host}.example/a" for number in range(100))) for host in range(3)]
    queries = [watch(room, *(f"/a?{number}" for number in range(100))) for _ in range(3)]
    assert len(site.services[RealtimeServices].fanout.sinks()) == before + 2
    assert dict(room.source.watched) == {"/a": 6}
    push(site, room, "/a")
    assert {len(socket.received) for socket in spelled + queries} == {2}
    assert {tuple(map(len, socket.paths)) for socket in spelled} == {(100, 100)}
    assert {tuple(map(len, socket.paths)) for socket in queries} == {(100, 1)}
    assert len({id(socket.received[1]) for socket in queries}) == 1, "the same bytes"
    for socket in spelled + queries:
        room.leave(socket)
    assert (dict(room.source.watched), len(site.services[RealtimeServices].fanout.sinks())) == ({}, before)


def test_a_broadcast_lets_other_work_run_between_its_pages(site, room, monkeypatch):
    socket, pauses = watch(room, *(f"/{number}" for number in range(20))), []
    monkeypatch.setattr(rooms, "MAX_WORK_S", 0)
    monkeypatch.setattr(room._fanout, "let_others_run", lambda: pauses.append(len(socket.received)))
    for number in range(20):
        site.register("reader", page=f"/{number}")
    room._broadcast()
    assert (len(socket.received), pauses) == (21, list(range(1, 21)))


def test_an_address_has_a_limit_of_watched_paths_and_their_bytes(site, room, monkeypatch):
    monkeypatch.setattr(pages_room, "MAX_WATCHED_PATHS", 10)
    first = watch(room, *(f"/{number}" for number in range(6)))
    with pytest.raises(TooManyRequests):
        watch(room, *(f"/{number}" for number in range(5)))
    watch(room, "/x", "/y", "/z", "/0")
    watch(room, *(f"/{number}" for number in range(20)), address="")
    watch(room, "/1", "/2", address=ANOTHER)
    with pytest.raises(TooManyRequests):
        watch(room, *(f"/{number}" for number in range(7)), socket=first)
    assert len(room._watching[first].pages) == 6, "it watches the same pages as before"
    watch(room, *(f"/new-{number}" for number in range(6)), socket=first)
    watch(room, socket=first)
    watch(room, *(f"/{number}" for number in range(6)))
    monkeypatch.setattr(pages_room, "MAX_BYTES_OF_PATHS", 1_000)
    with pytest.raises(TooManyRequests):
        watch(room, "/" + "l" * 500, "/" + "m" * 499, address=ANOTHER)
    watch(room, "/" + "l" * 500, address=ANOTHER)


def test_the_cost_of_adding_a_path_is_independent_of_the_number_of_paths(site, room, monkeypatch):
    """Otherwise a client with 50,000 paths stops the worker with messages that add nothing."""
    socket = watch(room, *(f"/{number}" for number in range(100)))
    encoded = []
    monkeypatch.setattr(watched, "encode", lambda text: encoded.append(text) or json.dumps(text))
    watch(room, socket=socket, adds=True)
    watch(room, "/new", "/1", socket=socket, adds=True)
    assert (len(encoded) < 30, set(encoded)) == (True, {"/new", "/1"})
    held = room._watching[socket]
    assert (len(held.pages), held.paths, held.size) == (101, 101, sum(map(len, held.pages)))
    room.leave(socket)
    assert (dict(room.source.watched), dict(room._paths._counts), dict(room._bytes._counts)) == ({}, {}, {})


def test_the_cost_of_entering_a_room_is_independent_of_the_clients_other_rooms():
    """A Socket.IO client may watch 50,000 pages, which it leaves all at once."""

    class Room(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Room.compared += 1
            return str.__eq__(self, other)

    manager = ClientRooms()
    manager.set_server(socketio.Server(client_manager=manager, async_mode="threading"))
    manager.rooms = {"/": {}}
    manager.basic_enter_room("client", "/", None, eio_sid="connection")
    for number in range(300):
        manager.basic_enter_room("client", "/", Room(f"page /{number}"))
    for number in range(300):
        manager.basic_leave_room("client", "/", Room(f"page /{number}"))
    assert (Room.compared < 4_000, manager._rooms_of) == (True, {"client": {("/", None): None}})


def test_an_added_path_hides_no_view_of_an_earlier_path(site, room):
    socket = watch(room, "/a")
    room._broadcast()
    site.register("reader", page="/a")
    watch(room, "/b", socket=socket, adds=True)
    room._broadcast()
    assert socket.paths == [["/a"], ["/b"], ["/a"]]


def test_a_new_client_hides_no_change_from_other_clients(site, room):
    """The worker learns of a view elsewhere only because it reads the numbers for another client."""
    socket = watch(room, "/a")
    room._broadcast()
    with Site(site.database_url, PAGE_NUMBERS="*") as elsewhere:
        elsewhere.register("reader", page="/a")
    watch(room, "/a")
    room._broadcast()
    assert socket.views == [0, 1]


def test_a_new_client_causes_no_repeated_number_for_other_clients(site, room):
    socket = watch(room, "/known", "/next")
    site.register("reader", page="/elsewhere")  # so that an update would be a newer one
    watch(room, "/known")
    for page in ("/next", "/known"):
        push(site, room, page)
    assert socket.paths == [["/known", "/next"], ["/next"], ["/known"]]


def test_midnight_is_sent_to_the_clients_that_watch_a_page(site, room):
    site.register("reader", page="/a")
    socket = watch(room, "/a")
    room._broadcast()
    site.time.pass_(days=1)
    room._broadcast()
    assert [update["pages"] for update in socket.updates] == [
        [{"path": "/a", "views": 1, "today": today}] for today in (1, 0)
    ]
