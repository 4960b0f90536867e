"""Attended time on a real server: sockets, heartbeats, interruptions, and the removal of old spans."""

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.clients.websocket import PING, SocketIO, WebSocket, answer, close, frame, say
from support.faults.moved_clocks import SLACK_MS, Timed
from support.programs.processes import wait_until

from koyjabo.base.models import SITE
from koyjabo.columns.blocks.block_queries import correct_attended
from koyjabo.columns.columns import Columns
from koyjabo.counting.evidence import queries
from koyjabo.upkeep.erasure import erasure_queries

KINDS = ("plain", "Socket.IO")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
WRONG_VALUES = (
    {},
    {"visible": None},
    {"visible": 1},
    {"visible": False, "acted": None},
    {"visible": False, "acted": "true"},
    {"visible": False, "acted": True, "visitId": "a b"},
    {"visible": False, "acted": True, "visitId": 7},
)


@pytest.fixture(scope="module")
def timed(module_sqlite_database, tmp_path_factory) -> Iterator[Timed]:
    timed = Timed(module_sqlite_database, tmp_path_factory.mktemp("server"))
    yield timed
    timed.server.kill()


@pytest.fixture
def own_timed(sqlite_database, tmp_path) -> Iterator[Timed]:
    timed = Timed(sqlite_database, tmp_path)
    yield timed
    timed.server.kill()


def open_page(timed: Timed, kind: str, visitor: str, visit: str) -> WebSocket:
    return open_plain(timed, visitor, visit) if kind == "plain" else Page(timed.server.port, visitor, visit)


def open_plain(timed: Timed, visitor: str, visit: str) -> WebSocket:
    socket = WebSocket(timed.server.port)
    socket.event()
    socket.send(say(type="visitor", visitorId=visitor, visitId=visit))
    assert socket.is_answered()
    return socket


class Page(SocketIO):
    """A Socket.IO client that names its visit when it connects."""

    def __init__(self, port: int, visitor: str, visit: str) -> None:
        self._auth = json.dumps({"visitorId": visitor, "visitId": visit})
        super().__init__(port)

    def begin(self) -> None:
        assert self.message().startswith("0{")
        self.send(frame(f"40{self._auth}"))
        assert self.message().startswith("40{")
        self.event()  # the server has admitted it

    def emit(self, *event: object) -> list[object]:
        self.send(frame(f"421{json.dumps(event)}"))
        while not (message := self.message()).startswith("431"):
            pass
        return json.loads(message[3:])


def test_the_time_on_sockets_of_both_kinds_counts_while_their_page_is_visible(timed):
    for visit in KINDS:
        timed.server.register("ayesha", visit)
    plain, other = (open_page(timed, kind, "ayesha", kind) for kind in KINDS)
    timed.pass_(10)
    plain.send(say(type="visible", visible=False, acted=True))
    assert plain.is_answered()
    assert other.emit("visible", {"visible": False, "acted": True}) == [{"ok": True}]
    for visit in KINDS:
        timed.wait_for(visit, 10, acted=True)
    timed.pass_(12)
    plain.send(say(type="visible", visible=True))
    assert other.emit("visible", {"visible": True}) == [{"ok": True}]
    assert plain.is_answered()
    timed.pass_(15)
    plain.send(close())
    other.send(frame("41"), close())
    for visit in KINDS:
        timed.wait_for(visit, 25, acted=True)


def next_error(socket: WebSocket) -> str:
    while (event := socket.event())["type"] == "visitor_update":
        pass
    assert event["type"] == "error"
    return event["code"]


def test_a_message_with_one_invalid_value_has_no_effect(timed):
    timed.server.register("farah", "wrong")
    plain, other = WebSocket(timed.server.port), Page(timed.server.port, "farah", "wrong")
    plain.event()
    plain.send(say(type="visitor", visitorId="farah", visitId="a b"))
    assert next_error(plain) == "invalid_message"
    plain.send(say(type="visitor", visitorId="farah", visitId="wrong"))  # the first message did not name the visitor
    assert plain.is_answered()
    for fields in WRONG_VALUES:
        plain.send(say(type="visible", **fields))
        assert next_error(plain) == "invalid_message", fields
        (refusal,) = other.emit("visible", fields)
        assert (refusal["ok"], refusal["code"]) == (False, "invalid_message"), fields
    for wrong in ({"visible": None}, {"visible": "true"}, {"acted": None}, {"acted": 1}):
        refused = timed.server.post("/api/visitor/heartbeat", json={"visitorId": "farah", **wrong})
        assert (refused.status_code, list(refused.json()["details"])) == (400, list(wrong))
    timed.pass_(30)
    plain.send(close())
    timed.wait_for("wrong", 30)
    other.send(close())


def test_the_time_of_an_anonymous_page_counts_for_its_visit(timed):
    """The server only stores hashes."""
    fields = {"visitorId": "dilip", "anonymous": True, "visitId": "hidden"}
    timed.server.register("dilip", "hidden", anonymous=True)
    socket = WebSocket(timed.server.port, path="/?anonymous=true")
    socket.event()
    socket.send(say(type="visitor", visitorId="dilip", visitId="hidden"))
    assert socket.is_answered()
    timed.pass_(10)
    socket.send(close())
    assert timed.server.post("/api/visitor/heartbeat", json=fields).status_code == 204
    timed.pass_(20)
    assert timed.server.post("/api/visitor/heartbeat", json=fields).status_code == 204
    newest = "SELECT attended_ms FROM visits WHERE visitor_id LIKE 'anonymous%'"
    wait_until(lambda: 30_000 <= (timed.database.rows(newest)[0][0] or 0) < 30_000 + SLACK_MS, "both count")


def test_the_time_of_a_page_without_an_id_counts_for_the_visit_of_its_origin(timed):
    origins = ("https://shop.example", "https://spy.example")
    for origin in origins:
        body = {"anonymous": True, "page": f"/{origin[8:]}"}
        timed.server.post("/api/visitor/register", json=body, headers={"Origin": origin, "User-Agent": "a browser"})
    headers = (f"Origin: {origins[0]}", "User-Agent: a browser")
    sockets = [WebSocket(timed.server.port, *headers, path="/?anonymous=true") for _ in range(2)]
    for socket in sockets:
        socket.event()
        socket.send(say(type="visible", visible=True, acted=True), say(type="visitor"))
        assert socket.is_answered()
    timed.pass_(10)
    for socket in sockets:
        socket.send(close())
    times = "SELECT attended_ms, acted FROM visits WHERE page IN ('/shop.example', '/spy.example') ORDER BY page"
    wait_until(lambda: timed.database.rows(times)[0][0] >= 10_000, "the time counts")
    (_, acted), other = timed.database.rows(times)
    assert (bool(acted), other[0], bool(other[1])) == (True, 0, False)


def test_a_lost_connection_counts_up_to_its_last_pong(timed):
    for kind in KINDS:
        timed.server.register("ela", f"lost-{kind}")
    pages = [open_page(timed, kind, "ela", f"lost-{kind}") for kind in KINDS]
    timed.pass_(26)
    for page in pages:
        while not answer(page, page.frame()):
            pass
        assert page.is_answered()
    timed.pass_(26)
    timed.pass_(21)
    for page, kind in zip(pages, KINDS, strict=True):
        page.rest()  # until the server has closed it
        timed.wait_for(f"lost-{kind}", 26)


def test_a_server_that_gets_sigterm_loses_no_time_although_its_clients_never_respond(own_timed):
    for kind in KINDS:
        own_timed.server.register("ayesha", kind)
    pages = [open_page(own_timed, kind, "ayesha", kind) for kind in KINDS]
    own_timed.pass_(20)
    own_timed.server.stop(signal.SIGTERM)
    for page, kind in zip(pages, KINDS, strict=True):
        own_timed.wait_for(kind, 20)
        page.end()


def test_kill_9_loses_at_most_five_minutes_and_adds_no_time(own_timed):
    own_timed.server.register("ayesha", "1")
    opened = open_plain(own_timed, "ayesha", "1")
    for _ in range(11):
        own_timed.pass_(26)
        while opened.frame().opcode != PING:
            pass
        opened.send(frame("", 0xA))
        assert opened.is_answered()
    own_timed.wait_for("1", 259)  # the last pong may have come after the write
    own_timed.server.kill()
    assert own_timed.visit("1")[0] <= 286_000 + SLACK_MS
    opened.end()


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_the_erasure_of_a_visitor_does_not_deadlock_with_the_removal_of_old_spans(
    new_worker, database_kind, monkeypatch
):
    worker, other = new_worker(), new_worker()
    worker.site.register(visitId="1")
    worker.open("a", visit="1")
    worker.time.pass_(seconds=5)
    worker.close("a")
    worker.write()
    columns = worker.site.services[Columns]
    list_name, has_locked, may_go_on = erasure_queries.list_name, threading.Event(), threading.Event()

    def list_and_wait(*arguments):
        list_name(*arguments)
        has_locked.set()
        assert may_go_on.wait(30)

    monkeypatch.setattr(erasure_queries, "list_name", list_and_wait)
    erase = erasure_queries.erase, columns, "ayesha", frozenset({SITE}), 100
    with ThreadPoolExecutor() as pool:
        erasing = pool.submit(worker.attendance._database.write, *erase)
        assert has_locked.wait(30)
        removing = pool.submit(other.attendance._database.write, queries.drop, 2**60, correct_attended)
        wait_until(lambda: worker.site.rows(WAITING) == [(1,)], "the removal waits for the erasure")
        may_go_on.set()
        assert (erasing.result().visits, removing.result()[1]) == (1, False)
