"""Clients that have gone without a word, of every kind, on a server with short pings; test_silence.py has the times."""

from __future__ import annotations

import time

import pytest
from support.clients.engine_client import CLOSE, PING, PONG, Polling
from support.clients.websocket import KINDS, SOCKETIO, WebSocket, answer
from support.clients.websocket import PING as PING_FRAME
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, changed_server, pings

ABUSE = 1008
INTERVAL_S, TIMEOUT_S, SWEEP_S = 0.8, 0.7, 0.05
SHORT_PINGS = pings(INTERVAL_S, TIMEOUT_S)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server"), SHORT_PINGS) as server:
        yield server


@pytest.fixture(scope="module")
def patient_server(tmp_path_factory):
    """For those who are to answer in time, whatever else the machine has to do."""
    with changed_server(tmp_path_factory.mktemp("patient"), pings(2.0, 3.0)) as server:
        yield server


def wait_until_nothing_is_left(server: ChangedServer) -> None:
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


def opened(server: ChangedServer) -> Polling:
    """A Socket.IO client that polls, and has received its first event."""
    session = Polling(server.port)
    assert session.post("40").ok
    while not any("visitor_update" in packet for packet in session.next_packets()):
        pass
    return session


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_answers_no_ping_is_dropped(server, kind):
    born = time.monotonic()
    with KINDS[kind](server.port) as client:
        client.event()
        pinged = client.frame()
        assert pinged.opcode == PING_FRAME or pinged.payload == b"2"
        client.rest()
        assert time.monotonic() - born > INTERVAL_S + TIMEOUT_S - SWEEP_S
    wait_until_nothing_is_left(server)


def test_polling_client_that_answers_no_ping_or_does_not_come_back_is_dropped(server):
    opened(server)
    polls = opened(server)
    while PING not in polls.poll():
        pass
    polls.wait_until_forgotten()
    wait_until_nothing_is_left(server)


def test_clients_that_answer_pings_stay(patient_server):
    polling, sockets = opened(patient_server), [kind(patient_server.port) for kind in KINDS.values()]
    for each in sockets:
        each.event()
    for _ in range(2):
        for each in sockets:
            assert answer(each, each.frame())
        assert polling.poll() == [PING]
        assert polling.post(PONG).ok
    assert patient_server.held()["members"] == 3
    polling.post(CLOSE)
    polling.get()
    for each in sockets:
        each.end()
    wait_until_nothing_is_left(patient_server)


def test_websocket_that_does_not_finish_its_upgrade_is_closed_and_its_client_goes_on_polling(tmp_path):
    """Its pings are slower than those of the others: it does not poll while it waits to be closed."""
    slow = {"socketio.ping_interval": 1.5, "socketio.ping_timeout": 5}
    with changed_server(tmp_path, {**SHORT_PINGS, **slow}) as server:
        session = opened(server)
        with WebSocket(server.port, path=f"{SOCKETIO}&sid={session.sid}") as unfinished:
            assert unfinished.close_frame().code == ABUSE
            assert unfinished.rest() == b""
            while PING not in session.poll():
                pass
            assert session.post(PONG).ok
            assert server.held()["members"] == 1
        server.wait_until_held(sockets=0)
