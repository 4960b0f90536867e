"""Clients that read slowly or never cost a bounded amount, slow down no other clients, and are dropped."""

import random
from contextlib import ExitStack

import pytest
from support.clients.websocket import KINDS, PING, SocketIO, WebSocket, frame, take_frame
from support.clients.websocket_pool import Listeners
from support.programs.processes import wait_until
from support.servers.changed_server import changed_server, pings, timed_server

CONNECTIONS = "koyjabo.server.websockets.connection_loop"
TINY = 2048
"""Size of a socket buffer in bytes. The kernel doubles it, and has a minimum."""

EVENTS, AT_ONCE = 2_000, 100
READERS, STUCK = 20, 20
MAX_GROWTH_BYTES = 3_000_000
"""64 KB for each stuck client, and as much again."""

STALLED_S, DAY_S = 3600.0, 24 * 3600.0
BIG, PIECES = 30_000, 40


def test_clients_that_never_read_are_dropped_and_the_others_receive_everything(tmp_path):
    """They do not read their first event either."""
    with changed_server(tmp_path) as server, Listeners(server.port, READERS) as readers, ExitStack() as stuck:
        readers.wait_for_first()
        server.resident()  # wait until everything is loaded
        for kind in list(KINDS.values()) * (STUCK // 2):
            stuck.enter_context(kind(server.port, receive_buffer=TINY))
        server.wait_until_held(READERS + STUCK)
        before, growth, sent = server.allocated(), [], []
        for _ in range(EVENTS // AT_ONCE):
            sent += server.emit(AT_ONCE)
            readers.wait_for_revision(sent[-1])
            growth.append(server.allocated() - before)
        assert max(growth) < MAX_GROWTH_BYTES
        for reader in readers.all:
            assert reader.revisions[-EVENTS:] == sent
            assert reader.revisions == sorted(set(reader.revisions))
        server.wait_until_held(READERS)
        assert server.held()["members"] == READERS


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    changes = {f"{CONNECTIONS}.STALLED_S": STALLED_S, f"{CONNECTIONS}.SEND_BUFFER": TINY, **pings(DAY_S, DAY_S)}
    with timed_server(tmp_path_factory.mktemp("server"), changes) as server:
        yield server


def test_client_that_reads_nothing_while_something_waits_is_dropped(timed):
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


def test_client_that_reads_a_little_now_and_then_is_not_dropped(timed):
    """It stays longer than a client that reads nothing."""
    with WebSocket(timed.port, receive_buffer=TINY) as client:
        client.event()
        (revision,) = timed.emit(1, size=BIG)
        pieces = 0
        while len(client._received) < BIG:
            read = client._socket.recv(BIG // PIECES)
            assert read, "it was dropped"
            client._received += read
            pieces += 1
            timed.pass_(STALLED_S / PIECES * 4)
        assert pieces >= PIECES, "it took four times as long"
        assert client.event()["stats"]["revision"] == revision
        wait_until(lambda: timed.held()["stalled"] == 0, "it has caught up")


def test_frames_never_interleave_however_little_the_kernel_takes(tmp_path, kind):
    """Events, pongs and responses of different sizes, read in small pieces."""
    chance = random.Random(3)
    sizes = [chance.choice((10, 100, 126, 1_000, 5_000, 20_000)) for _ in range(60)]
    with (
        changed_server(tmp_path, {f"{CONNECTIONS}.SEND_BUFFER": TINY}) as server,
        kind(server.port, receive_buffer=TINY) as client,
    ):
        client.event()
        last = 0
        for size in sizes:
            (sent,) = server.emit(1, size=size)
            client.send(frame(str(sent), PING), client.ping_event)
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
    while (frame := take_frame(client._received)) is None:
        data = client._socket.recv(chance.randrange(1, 3000))
        assert data, "closed"
        client._received += data
    return frame
