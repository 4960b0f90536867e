"""Sockets are counted when they end if they were counted when they opened, and only then."""

from __future__ import annotations

import pytest
from support.changed_server import changed_server
from support.processes import wait_until
from support.websocket import SOCKETIO, SocketIO, WebSocket, frame

MOST = 2
FORWARDED = "X-Forwarded-For: 203.0.113.7"
OPENED, ENDED = 'koyjabo_connections_opened_total{kind="socketio"}', "koyjabo_connection_duration_seconds_count"
CHANGES = {"koyjabo.realtime.client_rooms.CONNECT_PAUSE_S": 3.0}


@pytest.fixture
def server(tmp_path):
    with changed_server(tmp_path, CHANGES, TRUSTED_PROXIES=1, RATE_LIMIT_TABS=MOST) as server:
        yield server


def test_socketio_client_that_is_turned_away_has_not_ended(server):
    tabs = [Tab(server.port, FORWARDED) for _ in range(MOST)]
    for tab in tabs:
        assert tab.is_answered()
    for _ in range(MOST):
        with Tab(server.port, FORWARDED) as refused:
            assert refused.goodbye().code == 1013
    server.wait_until_held(sockets=MOST)
    for tab in tabs:
        tab.end()
    assert_opened_and_ended(server, MOST)
    assert server.log.count("socket_refused") == MOST


def test_socketio_client_that_goes_before_it_is_let_in_has_not_ended(server):
    gone = WebSocket(server.port, path=SOCKETIO)
    assert gone.message().startswith("0{")
    gone.send(frame("40"))
    assert gone.message().startswith("40{")
    gone.reset()
    with SocketIO(server.port) as later:
        assert later.is_answered()  # so that one has been forgotten as well
        assert server.held()["members"] == 1
    assert_opened_and_ended(server, 1)


class Tab(SocketIO):
    path = f"{SOCKETIO}&visitorId=ayesha"


def assert_opened_and_ended(server, count: int) -> None:
    """As many are opened as have ended, in the metrics and in the log."""

    def counted(name: str) -> float:
        return next(float(line.split()[-1]) for line in server.metrics().splitlines() if name in line)

    wait_until(lambda: not any(server.held().values()), "nobody is there")
    assert wait_until(lambda: counted(ENDED) >= count, "they have ended")
    assert (counted(OPENED), counted(ENDED)) == (count, count)
    wait_until(lambda: server.log.count("socket_closed") >= count, "the log tells of it")
    assert (server.log.count("socket_opened"), server.log.count("socket_closed")) == (count, count)
