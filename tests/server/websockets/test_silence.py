"""WebSockets and streams as time passes on the loop's clock: pings, comments, and the end after a day."""

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from support.clients.websocket import PING, PONG, frame, take_frame

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.server.websockets import buffered_connection, connection_loop, delay_line, websocket_connection
from koyjabo.server.websockets.connection_loop import SWEEP_INTERVAL_S, ConnectionLoop, is_old
from koyjabo.server.websockets.event_stream import UNACKNOWLEDGED_DATA_MS, EventStream
from koyjabo.server.websockets.websocket_connection import MAX_FRAMES, WebSocketConnection

HOUR_S = 3600.0
GOING_AWAY = 1001


def nothing(*_: object) -> None: ...


POLLER = SimpleNamespace(add=nothing, change=nothing, remove=nothing)  # a poller that never watches a file
OWNER = SimpleNamespace(largest_message=1024, pings=True, received=nothing, ended=nothing)
"""The owner of connections that respond to pings."""


class World:
    """A loop whose clock the test moves, and both ends of a connection to it."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.now, self.ours, self.theirs = 1000.0, ours, theirs
        theirs.settimeout(0)
        self.loop = ConnectionLoop(ThreadRuntime(), POLLER, nothing, 10, 10, 10)

    def connect(self) -> WebSocketConnection:
        connection = self.loop.add(self.ours, "", OWNER, b"", b"")
        connection.start()
        return connection

    def stream(self) -> EventStream:
        assert self.loop.reserve("")
        stream = EventStream("", OWNER, self.loop, False)
        taken = SimpleNamespace(sock=self.ours, detach=lambda: (self.ours, b""))
        stream.begin(taken, b"")
        return stream

    def received(self) -> bytes | None:
        """New data: None if there is none, empty at the end."""
        try:
            return self.theirs.recv(10_000)
        except BlockingIOError:
            return None

    def seconds_until_received(self) -> tuple[float, bytes]:
        began, most_s = self.now, 2 * HOUR_S
        while (data := self.received()) is None:
            assert self.now < began + most_s, "nothing"
            self.now += SWEEP_INTERVAL_S
            self.loop.sweep()
        return self.now - began, data


@pytest.fixture
def world(monkeypatch) -> Iterator[World]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    with theirs, ours:
        world = World(ours, theirs)
        clock = SimpleNamespace(monotonic=lambda: world.now, sleep=time.sleep)
        for module in (buffered_connection, connection_loop, delay_line, websocket_connection):
            monkeypatch.setattr(module, "time", clock)
        yield world


def test_a_stream_without_events_gets_a_comment_within_20_s(world):
    """The comment does not come much sooner. A client that does not acknowledge it is dropped within 45 s."""
    stream = world.stream()
    assert world.received() == b"retry: 5000\n"
    for _ in range(2):
        silent_s, data = world.seconds_until_received()
        assert data == b":\n\n"
        assert 10 < silent_s <= 20
        world.now += 3
        stream.send("{}")
        assert b"data" in world.received()
    assert 20 + UNACKNOWLEDGED_DATA_MS / 1000 <= 45


def test_a_stream_ends_after_a_day(world):
    """One of 256 streams lasts the whole day; the others end a little sooner."""
    world.stream().chance = 0
    assert world.received()
    world.now += 24 * HOUR_S + 1
    world.loop.sweep()
    assert world.received() == b""


def test_a_socket_whose_client_responds_to_no_ping_is_dropped_after_45_s(world):
    connection = world.connect()
    assert world.seconds_until_received() == (25, frame("", PING, masked=False))
    with pytest.raises(ConnectionResetError):
        world.seconds_until_received()
    assert world.now == 1045
    assert (connection.is_open, len(world.loop)) == (False, 0)


@pytest.mark.parametrize("frame_", [frame("", PONG), frame("{}")], ids=["pong", "anything else"])
def test_a_client_stays_while_its_response_to_a_ping_waits_to_be_read(world, frame_):
    """This happens after the machine was paused."""
    connection = world.connect()
    for _ in range(3):
        assert take_frame(bytearray(world.seconds_until_received()[1])).opcode == PING
        world.theirs.sendall(frame_)
    assert connection.is_open


def test_a_client_may_send_500_frames_between_two_pings(world):
    """Includes single pongs from an idle page, which are not parsed. The limit does not add up over a day."""
    connection = world.connect()
    for sent in ([frame("", PONG) * MAX_FRAMES], [frame("", PONG)] * MAX_FRAMES):
        for data in sent:
            connection.take(data)
        assert connection.is_open
        world.seconds_until_received()
    for _ in range(MAX_FRAMES + 1):
        connection.take(frame("", PONG))
    assert not connection.is_open


def test_a_socket_is_dropped_5_s_after_a_close_without_a_response(world):
    world.connect().close(1008)
    assert take_frame(bytearray(world.received())).payload[:2] == (1008).to_bytes(2)
    assert world.seconds_until_received() == (5, b"")


def test_a_socket_is_closed_with_1001_after_a_day(world):
    connection = world.connect()
    connection.chance = 0
    for hours, opcode in ((23.5, PING), (1, 8)):
        world.now += hours * HOUR_S
        world.theirs.sendall(frame("", PONG))
        connection.read()
        world.loop.sweep()
        close_frame = take_frame(bytearray(world.received()))
        assert close_frame.opcode == opcode
    assert int.from_bytes(close_frame.payload[:2]) == GOING_AWAY


def test_the_ends_of_sockets_that_connected_together_are_spread_over_two_hours(world):
    """All of them connected after a deploy. Their ends are spread over the last two hours of a day."""
    crowd = [SimpleNamespace(born=0.0, chance=chance) for chance in range(256)]
    old = []
    for hours in (21.9, 23, 24.1):
        world.now = hours * HOUR_S
        old.append(sum(map(is_old, crowd)))
    assert old == [0, 127, 256]
