"""Many clients connect at once, or vanish without a close. The others receive everything, and nothing is leaked."""

from __future__ import annotations

import random
import socket
import threading

from support.clients.websocket import KINDS, WebSocket, frame, say, upgrade
from support.clients.websocket_pool import Listeners
from support.programs.processes import open_sockets, wait_until

RESETS = 100
EVENTS = 100


def test_resets_in_the_middle_of_broadcasts_disturb_no_other_client(server):
    """Clients reset in the middle of a frame or a handshake, or with unread events. The remaining clients receive every
    event.
    """
    assert not any(server.held().values())
    sockets = open_sockets(server.worker)
    stop, chance = threading.Event(), random.Random(5)
    goners = threading.Thread(target=come_and_go, args=(server.port, stop, chance))
    with Listeners(server.port, 100) as crowd:
        crowd.wait_for_first()
        goners.start()
        sent = []
        for _ in range(EVENTS // 10):
            sent += server.emit(10, size=500)
            crowd.wait_for_revision(sent[-1])
        stop.set()
        goners.join()
        assert all(listener.revisions[-EVENTS:] == sent for listener in crowd.all)
        server.wait_until_held(sockets=100)
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")
    wait_until(lambda: open_sockets(server.worker) <= sockets, "its sockets are closed")
    assert "Traceback" not in server.log, server.log
    assert "failed" not in server.log


def come_and_go(port: int, stop: threading.Event, chance: random.Random) -> None:
    """Connect clients that break off at random points, until stopped."""
    ping = say(type="ping")
    gone = 0
    while not stop.is_set() or gone < RESETS:
        with KINDS[chance.choice(tuple(KINDS))](port, receive_buffer=2048) as client:
            client.send(ping[: chance.randrange(len(ping))] if type(client) is WebSocket else frame("42[", final=False))
            client.reset()
        raw = HalfOpened(port)
        raw.send(upgrade()[: chance.randrange(300)])
        raw.reset()
        gone += 2


class HalfOpened(WebSocket):
    """A connection that never finishes its handshake."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 15)
