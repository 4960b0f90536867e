"""Attended time on a real server: sockets, heartbeats, interruptions, and the removal of old spans."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from support.clients.websocket import PING, SocketIO, WebSocket, answer, close, frame, say
from support.faults.moved_clocks import SLACK_MS, Timed
from support.programs.processes import wait_until

from koyjabo.base.models import SITE
from koyjabo.columns.blocks.block_queries import correct_attended
from koyjabo.columns.columns import Columns
from koyjabo.counting.evidence import queries
from koyjabo.upkeep.retention import erasure_queries

Start = Callable[..., "Timed"]


@pytest.fixture
def start(sqlite_database, tmp_path) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(**settings: str) -> Timed:
            timed = Timed(sqlite_database, tmp_path, **settings)
            stack.callback(timed.server.kill)
            return timed

        yield begin


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
        """Send an event, and return its acknowledgement."""
        self.send(frame(f"421{json.dumps(event)}"))
        while not (message := self.message()).startswith("431"):
            pass
        return json.loads(message[3:])


def test_sockets_of_both_kinds_count_while_their_page_is_visible(start):
    timed = start()
    for visit in ("plain", "other"):
        timed.server.register("ayesha", visit)
    plain = open_plain(timed, "ayesha", "plain")
    other = Page(timed.server.port, "ayesha", "other")
    timed.pass_(10)
    plain.send(say(type="visible", visible=False, acted=True))
    assert plain.is_answered()
    assert other.emit("visible", {"visible": False, "acted": True}) == [{"ok": True}]
    for visit in ("plain", "other"):
        timed.wait_for(visit, 10, acted=True)
    timed.pass_(12)
    plain.send(say(type="visible", visible=True))
    assert other.emit("visible", {"visible": True}) == [{"ok": True}]
    assert plain.is_answered()
    timed.pass_(15)
    plain.send(close())
    other.send(frame("41"), close())
    for visit in ("plain", "other"):
        timed.wait_for(visit, 25, acted=True)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"visible": None},
        {"visible": 1},
        {"visible": False, "acted": None},
        {"visible": False, "acted": "true"},
        {"visible": False, "acted": True, "visitId": "a b"},
        {"visible": False, "acted": True, "visitId": 7},
    ],
    ids=str,
)
def test_wrong_value_refuses_the_whole_message(start_once, fields):
    timed = start_once
    timed.server.register("ayesha", visit := f"{len(timed.database.rows('SELECT id FROM visits'))}")
    plain, other = open_plain(timed, "ayesha", visit), Page(timed.server.port, "ayesha", visit)
    plain.send(say(type="visible", **fields))
    while (event := plain.event())["type"] == "visitor_update":
        pass
    assert (event["type"], event["code"]) == ("error", "invalid_message")
    (refusal,) = other.emit("visible", fields)
    assert (refusal["ok"], refusal["code"]) == (False, "invalid_message")
    timed.pass_(30)
    plain.send(close())
    timed.wait_for(visit, 30)
    other.send(close())


@pytest.fixture(scope="module")
def start_once(module_sqlite_database, tmp_path_factory) -> Iterator[Timed]:
    timed = Timed(module_sqlite_database, tmp_path_factory.mktemp("server"))
    yield timed
    timed.server.kill()


def test_heartbeats_bridge_the_time_between_them(start_once):
    timed = start_once
    timed.server.register("bina", "beats")
    for _ in range(3):
        assert timed.server.post("/api/visitor/heartbeat", json={"visitorId": "bina"}).status_code == 204
        timed.pass_(50)
    fields = {"visitorId": "bina", "visible": False, "acted": True, "visitId": "beats"}
    assert timed.server.post("/api/visitor/heartbeat", json=fields).status_code == 204
    timed.pass_(50)
    assert timed.server.post("/api/visitor/heartbeat", json={"visitorId": "bina"}).status_code == 204
    timed.wait_for("beats", 150, acted=True)


@pytest.mark.parametrize("wrong", [{"visible": None}, {"visible": "true"}, {"acted": None}, {"acted": 1}], ids=str)
def test_heartbeat_with_a_wrong_value_changes_nothing(start_once, wrong):
    refused = start_once.server.post("/api/visitor/heartbeat", json={"visitorId": "chandni", **wrong})
    assert refused.status_code == 400
    assert list(refused.json()["details"]) == list(wrong)


def test_anonymous_page_names_its_visit_too(start_once):
    """The server only stores hashes."""
    timed = start_once
    fields = {"visitorId": "dilip", "anonymous": True}
    timed.server.register("dilip", "hidden", anonymous=True)
    socket = WebSocket(timed.server.port, path="/?anonymous=true")
    socket.event()
    socket.send(say(type="visitor", visitorId="dilip", visitId="hidden"))
    assert socket.is_answered()
    timed.pass_(10)
    socket.send(close())
    assert timed.server.post("/api/visitor/heartbeat", json={**fields, "visitId": "hidden"}).status_code == 204
    timed.pass_(20)
    assert timed.server.post("/api/visitor/heartbeat", json={**fields, "visitId": "hidden"}).status_code == 204
    newest = "SELECT attended_ms FROM visits WHERE visitor_id LIKE 'anonymous%'"
    wait_until(lambda: 30_000 <= (timed.database.rows(newest)[0][0] or 0) < 30_000 + SLACK_MS, "both count")


@pytest.mark.parametrize("kind", ["plain", "Socket.IO"])
def test_lost_connection_counts_up_to_its_last_pong(start_once, kind):
    timed = start_once
    timed.server.register("ela", visit := f"lost {kind}".replace(" ", "-"))
    opened = open_plain(timed, "ela", visit) if kind == "plain" else Page(timed.server.port, "ela", visit)
    timed.pass_(26)
    while not answer(opened, opened.frame()):
        pass
    assert opened.is_answered()
    timed.pass_(26)
    timed.pass_(21)
    assert opened.rest() is not None
    timed.wait_for(visit, 26)


@pytest.mark.parametrize("kind", ["plain", "Socket.IO"])
def test_sigterm_loses_nothing(start, kind):
    """Nothing is lost even if the clients never respond."""
    timed = start()
    timed.server.register("ayesha", "1")
    opened = open_plain(timed, "ayesha", "1") if kind == "plain" else Page(timed.server.port, "ayesha", "1")
    timed.pass_(20)
    timed.server.stop(signal.SIGTERM)
    timed.wait_for("1", 20)
    opened.end()


def test_kill_9_loses_at_most_five_minutes_and_adds_nothing(start):
    timed = start()
    timed.server.register("ayesha", "1")
    opened = open_plain(timed, "ayesha", "1")
    for _ in range(11):
        timed.pass_(26)
        while opened.frame().opcode != PING:
            pass
        opened.send(frame("", 0xA))
        assert opened.is_answered()
    timed.wait_for("1", 259)  # the last pong may have come after the write
    timed.server.kill()
    assert timed.visit("1")[0] <= 286_000 + SLACK_MS
    opened.end()


def test_visitor_message_with_a_wrong_visit_names_neither(start_once):
    timed = start_once
    timed.server.register("farah", "named")
    socket = WebSocket(timed.server.port)
    socket.event()
    socket.send(say(type="visitor", visitorId="farah", visitId="a b"))
    assert socket.event()["code"] == "invalid_message"
    socket.send(say(type="visitor", visitorId="farah", visitId="named"))
    assert socket.is_answered()
    timed.pass_(10)
    socket.send(close())
    timed.wait_for("named", 10)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
def test_erasing_a_visitor_does_not_deadlock_with_the_removal_of_old_spans(new_worker, database_kind, monkeypatch):
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
