"""Sending to all connections in a room."""

import json

import socketio

from koyjabo.realtime.fanout import LocalFanout

ROOM, UPDATE = "stats", "visitor_update"


class RecordingSocket:
    """A plain WebSocket that records the events written to it."""

    is_stream = False

    def __init__(self):
        self.received = []

    def write(self, data):
        header_size = 2 if data[1] < 126 else 4
        self.received.append(json.loads(data[header_size:]))


def update(revision, **more):
    return {"type": UPDATE, "stats": {"totalVisits": 1, "revision": revision, **more}}


def test_a_client_receives_every_event_once_and_no_older_event():
    fanout, client = LocalFanout(), RecordingSocket()
    fanout.set_up(lambda *sent: None, lambda event: None, lambda: "0")
    fanout.set_server(socketio.Server(client_manager=fanout, async_mode="threading"))
    fanout.admit(ROOM, client, UPDATE, update(1))
    for event in (update(2, place="ঢাকা"), update(2), update(1), update(3)):
        fanout.emit(UPDATE, event, room=ROOM)
    assert client.received == [update(1), update(2, place="ঢাকা"), update(3)]
