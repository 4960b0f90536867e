"""Clients that do not read, respond or close are dropped, and delay neither others nor the server's end."""

import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.clients.connection import Connection, head
from support.clients.engine_client import CLOSE, PATH, PING, PONG, Polling
from support.clients.event_source import EventSource
from support.clients.websocket import (
    KINDS,
    PING as PING_FRAME,
    SOCKETIO,
    CloseFrame,
    SocketIO,
    WebSocket,
    answer,
    close,
    frame,
    take_frame,
)
from support.clients.websocket_pool import Listeners
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, changed_server, pings, timed_server

CONNECTIONS = "koyjabo.server.websockets.connection_loop"
TINY = 2048  # Size of a socket buffer in bytes. The kernel doubles it, and has a minimum.
EVENTS, AT_ONCE, EVENT_BYTES = 500, 100, 400
READERS, STUCK = 10, 10
MAX_GROWTH_BYTES = 1_500_000  # 64 KB for each stuck client, and as much again
STALLED_S, UPGRADE_S, TIMEOUT_S, INTERVAL_S = 60.0, 1800.0, 3600.0, 7200.0
"""Long enough that nothing is late unless a test moves the clock."""

BIG, PIECES = 30_000, 40


def test_clients_that_never_read_are_dropped_and_the_others_receive_every_event(tmp_path):
    """They do not read their first event either."""
    with changed_server(tmp_path) as server, Listeners(server.port, READERS) as readers, ExitStack() as stuck:
        readers.wait_for_first()
        server.resident()  # wait until everything is loaded
        for kind in list(KINDS.values()) * (STUCK // 2):
            stuck.enter_context(kind(server.port, receive_buffer=TINY))
        server.wait_until_held(READERS + STUCK)
        before, growth, sent = server.allocated(), [], []
        for _ in range(EVENTS // AT_ONCE):
            sent += server.emit(AT_ONCE, EVENT_BYTES)
            readers.wait_for_revision(sent[-1])
            growth.append(server.allocated() - before)
        assert max(growth) < MAX_GROWTH_BYTES
        for reader in readers.all:
            assert reader.revisions[-EVENTS:] == sent
            assert reader.revisions == sorted(set(reader.revisions))
        server.wait_until_held(READERS)
        assert server.held()["members"] == READERS


@pytest.fixture(scope="module")
def timed(tmp_path_factory) -> Iterator[ChangedServer]:
    changes = {
        f"{CONNECTIONS}.STALLED_CLIENT_S": STALLED_S,
        f"{CONNECTIONS}.SEND_BUFFER": TINY,
        **pings(INTERVAL_S, TIMEOUT_S),
        "koyjabo.server.websockets.engine.UPGRADE_TIMEOUT_S": UPGRADE_S,
    }
    with timed_server(tmp_path_factory.mktemp("server"), changes) as server:
        yield server


def test_a_client_that_reads_nothing_for_30_s_is_dropped(timed):
    with SocketIO(timed.port, receive_buffer=TINY) as client:
        client.event()
        timed.emit(1, size=BIG)
        wait_until(lambda: timed.held()["stalled"] == 1, "something waits for it")
        timed.pass_(STALLED_S / 2)
        assert timed.held()["stalled"] == 1
        for _ in range(5):  # the system may take some more data after the first notice
            timed.pass_(2 * STALLED_S)
        assert timed.held()["connections"] == 0
    wait_until(lambda: not any(timed.held().values()), "nothing is left of it")


def test_a_client_that_reads_slowly_is_not_dropped(timed):
    """It stays longer than a client that reads nothing."""
    with WebSocket(timed.port, receive_buffer=TINY) as client:
        client.event()
        (revision,) = timed.emit(1, size=BIG)
        pieces = 0
        while len(client.received) < BIG:
            read = client.socket.recv(BIG // PIECES)
            assert read, "it was dropped"
            client.received += read
            pieces += 1
            timed.pass_(STALLED_S / PIECES * 4)
        assert pieces >= PIECES, "it took four times as long"
        assert client.event()["stats"]["revision"] == revision
        wait_until(lambda: timed.held()["stalled"] == 0, "it has caught up")


def test_frames_never_interleave_when_the_kernel_accepts_small_parts_of_them(timed, kind):
    """Events, pongs and responses of different sizes, read in small pieces."""
    chance = random.Random(3)
    sizes = [chance.choice((10, 100, 126, 1_000, 5_000, 20_000)) for _ in range(30)]
    with kind(timed.port, receive_buffer=TINY) as client:
        client.event()
        last = 0
        for size in sizes:
            (sent,) = timed.emit(1, size=size)
            client.send(frame(str(sent), PING_FRAME), client.ping_event)
            received, ponged, answered = False, False, False
            while not (received and ponged and answered):
                opcode, payload = read_slowly(client, chance)
                if opcode != 1:
                    assert payload == str(sent).encode()
                    ponged = True
                    continue
                event = client.event_of(payload.decode())
                answered |= event["type"] == "pong"
                if event["type"] == "visitor_update":
                    assert event["stats"]["revision"] == sent > last
                    assert len(event["stats"]["filling"]) == size
                    received, last = True, sent


def read_slowly(client: WebSocket, chance: random.Random):
    """The next frame, in pieces smaller than the server sent."""
    while (frame := take_frame(client.received)) is None:
        data = client.socket.recv(chance.randrange(1, 3000))
        assert data, "closed"
        client.received += data
    return frame


GOING_AWAY = 1001
GOODBYE = CloseFrame(GOING_AWAY, "the server is going away")
CLOSE_TIMEOUT_S = "koyjabo.server.websockets.connection_loop.CLOSE_TIMEOUT_S"
GOODBYE_S = "koyjabo.server.websockets.sockets.GOODBYE_S"


@pytest.fixture
def patient_server(tmp_path):
    """A server that would wait an hour for clients that do not respond."""
    with changed_server(tmp_path, {GOODBYE_S: 3600, CLOSE_TIMEOUT_S: 3600}) as patient_server:
        yield patient_server


def test_sigterm_closes_clients_of_every_kind_with_1001_before_the_server_exits(patient_server):
    session = opened(patient_server)
    other = Polling(patient_server.port)  # a poll of a session that is being upgraded ends at once
    upgrading = WebSocket(patient_server.port, path=f"{SOCKETIO}&sid={other.sid}")
    clients = [kind(patient_server.port) for kind in list(KINDS.values()) * 4]
    stream = EventSource(patient_server.port)
    stream.event()
    with Connection(patient_server.port) as poll:
        poll.send(head("GET", f"{PATH}?EIO=4&transport=polling&sid={session.sid}"))
        assert all(client.is_answered() for client in clients)
        with Connection(patient_server.port) as later:
            assert later.ask("GET", "/healthz").status == 200, "the poll that was sent before has been read"
        patient_server.tell(signal.SIGTERM)
        for client in [*clients, upgrading]:
            assert client.close_frame() == GOODBYE
            client.send(close(GOING_AWAY))
            assert client.rest() == b""
        assert stream.rest() == []
        assert poll.answer("GET").status == 200
        assert patient_server.wait().status == 0


def test_clients_that_do_not_respond_or_read_do_not_delay_the_shutdown(tmp_path):
    """The server closes unresponsive connections only after an hour, except when it stops."""
    with changed_server(tmp_path, {CLOSE_TIMEOUT_S: 3600}) as server:
        deaf = [kind(server.port) for kind in list(KINDS.values()) * 2]
        stuck = [kind(server.port, receive_buffer=TINY) for kind in list(KINDS.values()) * 2]
        for client in [*deaf, *stuck]:
            client.event()  # afterwards it is in the room
        server.emit(5, size=9_000)
        for client in deaf:
            for _ in range(5):
                client.event()
        assert server.stop().status == 0
        for client in deaf:
            assert client.close_frame() == GOODBYE
            assert client.rest() == b""
        for client in stuck:
            client.end()


ABUSE = 1008


def opened(server: ChangedServer) -> Polling:
    """A polling Socket.IO client that has received its first event."""
    session = Polling(server.port)
    assert session.post("40").is_success
    while not any("visitor_update" in packet for packet in session.next_packets()):
        pass
    return session


def test_a_client_that_responds_to_no_ping_is_dropped_and_other_clients_stay(timed):
    """Includes polling clients, and one that never polls again."""
    opened(timed)
    polling, silent = opened(timed), opened(timed)
    sockets, deaf = ([kind(timed.port) for kind in KINDS.values()] for _ in range(2))
    for socket in (*sockets, *deaf):
        socket.event()
    for until_ping_s in (INTERVAL_S, INTERVAL_S - TIMEOUT_S):
        timed.pass_(until_ping_s)
        for client in sockets:
            assert answer(client, client.frame())
            assert client.is_answered(), "the server has read the answer before more time passes"
        assert polling.poll() == [PING]
        assert polling.post(PONG).is_success
        timed.pass_(TIMEOUT_S / 2)
        if until_ping_s == INTERVAL_S:
            assert timed.held()["members"] == 7
        timed.pass_(TIMEOUT_S / 2)
        wait_until(lambda: timed.held()["members"] == 3, "those that responded are left")
    assert silent.get().status_code == 400
    for client in deaf:
        pinged = client.frame()
        assert pinged.opcode == PING_FRAME or pinged.payload == b"2"
        client.rest()
    polling.post(CLOSE)
    polling.get()
    for client in sockets:
        client.end()
    wait_until(lambda: not any(timed.held().values()), "nothing is left of them")


def test_an_unfinished_upgrade_is_closed_and_the_client_keeps_polling(timed):
    session = opened(timed)
    with WebSocket(timed.port, path=f"{SOCKETIO}&sid={session.sid}") as unfinished:
        timed.pass_(UPGRADE_S)
        assert unfinished.close_frame().code == ABUSE
        timed.pass_(TIMEOUT_S)
        assert unfinished.rest() == b"", "it has not answered the close"
        timed.pass_(INTERVAL_S - TIMEOUT_S - UPGRADE_S)
        assert session.poll() == [PING]
        assert session.post(PONG).is_success
        assert timed.held()["members"] == 1
    session.post(CLOSE)
    session.get()
    timed.wait_until_held(sockets=0)
