"""Sending to all connections in a room: each event is encoded and sent once, in order, and closed connections leave
nothing behind.
"""

import json
import time
from collections import Counter
from types import SimpleNamespace

import pytest
import socketio
from engineio.packet import MESSAGE, Packet as EnginePacket

from koyjabo.realtime import fanout as module
from koyjabo.realtime.fanout import LocalFanout
from koyjabo.realtime.frames import BINARY_OPCODE, TEXT_OPCODE, frame

ROOM, UPDATE = "stats", "visitor_update"


def update(revision, **more):
    return {"type": UPDATE, "stats": {"totalVisits": 1, "revision": revision, **more}}


def payload(data):
    """The payload of a server's frame."""
    start = 2 if data[1] < 126 else 4
    return data[start:].decode()


class Plain:
    """A plain WebSocket."""

    is_stream = False

    def __init__(self):
        self.frames = []

    def write(self, data):
        self.frames.append(data)

    @property
    def received(self):
        """The events, as objects."""
        return [json.loads(payload(frame)) for frame in self.frames]


class Connected(Plain):
    """A Socket.IO client whose connection our server holds."""

    @property
    def received(self):
        packets = [payload(frame) for frame in self.frames]
        assert all(packet.startswith("42[") for packet in packets)
        return [json.loads(packet[2:])[1] for packet in packets]


class World:
    """A fanout on python-socketio's server. Messages for polling clients are in `packets`."""

    def __init__(self):
        self.fanout = LocalFanout()
        self.fanout.set_up(lambda *sent: None, lambda event: None, lambda: "0")
        self.server = socketio.Server(client_manager=self.fanout, async_mode="threading")
        self.fanout.set_server(self.server)
        self.packets: list[tuple[str, EnginePacket]] = []
        self.server._send_eio_packet = self._send
        self.server.eio.send = lambda sid, data: self._send(sid, EnginePacket(MESSAGE, data))

    def _send(self, name, packet):
        """Send to the connection, or to the queue of a polling client, as Engine.IO does."""
        connection = self.server.eio.sockets[name].connection
        if connection is None:
            self.packets.append((name, packet))
        else:
            data = packet.encode()
            connection.write(frame(data, TEXT_OPCODE if isinstance(data, str) else BINARY_OPCODE))

    def join(self, name, connection=None, room=ROOM):
        """Add a Socket.IO client to a room. Without `connection`, it polls."""
        self.server.eio.sockets[name] = SimpleNamespace(connection=connection)
        sid = self.fanout.connect(name, "/")
        if room:
            self.fanout.enter_room(sid, "/", room)
        return sid


@pytest.fixture
def world():
    return World()


@pytest.fixture
def members(world):
    """A member of each kind in the room: plain, Socket.IO with a connection, and polling."""
    plain, connected = Plain(), Connected()
    world.fanout.admit(ROOM, plain, UPDATE, update(1))
    world.fanout.admit(ROOM, world.join("e1", connected, room=None), UPDATE, update(1))
    world.polling = world.join("e2", room=None)
    world.fanout.admit(ROOM, world.polling, UPDATE, update(1))
    return plain, connected


def polled(world):
    return [json.loads(packet.data[1:])[1] for _, packet in world.packets]


def test_every_kind_of_client_receives_the_same_json(world, members):
    plain, connected = members
    world.fanout.emit(UPDATE, update(2, place="ঢাকা"), room=ROOM)
    for revision in (2, 1):  # already received, or older
        world.fanout.emit(UPDATE, update(revision), room=ROOM)
    assert plain.received == connected.received == polled(world) == [update(1), update(2, place="ঢাকা")]


def test_broadcast_is_encoded_once_for_any_number_of_clients(world, members, monkeypatch):
    for number in range(10):
        world.fanout.admit(ROOM, Plain(), UPDATE, update(1))
        world.join(f"more {number}", Connected())
    dumps, calls = world.server.packet_class.json.dumps, Counter()

    def counted(data, *more, **options):
        if data != UPDATE:  # only the event's name, to learn its length
            calls["encodings"] += 1
        return dumps(data, *more, **options)

    monkeypatch.setattr(world.server.packet_class.json, "dumps", counted)
    world.fanout.emit(UPDATE, update(2), room=ROOM)
    assert calls["encodings"] == 1


def test_broadcast_in_a_large_room_lets_other_tasks_run(world, monkeypatch):
    turns = []
    monkeypatch.setattr(module, "WRITES_IN_A_ROW", 4)
    clock = SimpleNamespace(sleep=turns.append, monotonic=time.monotonic, thread_time=time.thread_time)
    monkeypatch.setattr(module, "time", clock)
    for _ in range(10):
        world.fanout.admit(ROOM, Plain(), UPDATE, update(1))
    world.fanout.emit(UPDATE, update(2), room=ROOM)
    assert turns == [0, 0]
