"""Clients of every kind that vanish without a close. The tests move the clock; test_silence.py has the limits."""

import pytest
from support.clients.engine_client import CLOSE, PING, PONG, Polling
from support.clients.websocket import KINDS, PING as PING_FRAME, SOCKETIO, WebSocket, answer
from support.programs.processes import wait_until
from support.servers.changed_server import ChangedServer, pings, timed_server

ABUSE = 1008
INTERVAL_S, TIMEOUT_S, UPGRADE_S = 7200.0, 3600.0, 1800.0
"""Long enough that nothing is late unless a test moves the clock."""

CHANGES = {**pings(INTERVAL_S, TIMEOUT_S), "koyjabo.server.websockets.engine.UPGRADE_TIMEOUT_S": UPGRADE_S}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with timed_server(tmp_path_factory.mktemp("server"), CHANGES) as server:
        yield server


def wait_until_nothing_is_left(server: ChangedServer) -> None:
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


def opened(server: ChangedServer) -> Polling:
    """A polling Socket.IO client that has received its first event."""
    session = Polling(server.port)
    assert session.post("40").is_success
    while not any("visitor_update" in packet for packet in session.next_packets()):
        pass
    return session


def test_client_that_answers_no_ping_is_dropped(server, kind):
    with kind(server.port) as client:
        client.event()
        server.pass_(INTERVAL_S)
        pinged = client.frame()
        assert pinged.opcode == PING_FRAME or pinged.payload == b"2"
        server.pass_(TIMEOUT_S / 2)
        assert server.held()["members"] == 1
        server.pass_(TIMEOUT_S / 2)
        wait_until(lambda: server.held()["members"] == 0, "it is dropped")
        server.pass_(TIMEOUT_S)
        client.rest()
    wait_until_nothing_is_left(server)


def test_polling_client_that_answers_no_ping_or_does_not_come_back_is_dropped(server):
    opened(server)
    polls = opened(server)
    server.pass_(INTERVAL_S)
    assert polls.poll() == [PING]
    server.pass_(TIMEOUT_S / 2)
    assert server.held()["members"] == 2
    server.pass_(TIMEOUT_S / 2)
    wait_until_nothing_is_left(server)
    assert polls.get().status_code == 400


def test_clients_that_answer_pings_stay(server):
    polling, sockets = opened(server), [kind(server.port) for kind in KINDS.values()]
    for socket in sockets:
        socket.event()
    for _ in range(2):
        server.pass_(INTERVAL_S - TIMEOUT_S)
        server.pass_(TIMEOUT_S)
        for client in sockets:
            assert answer(client, client.frame())
            assert client.is_answered(), "the server has read the answer before more time passes"
        assert polling.poll() == [PING]
        assert polling.post(PONG).is_success
    assert server.held()["members"] == 3
    polling.post(CLOSE)
    polling.get()
    for client in sockets:
        client.end()
    wait_until_nothing_is_left(server)


def test_unfinished_upgrade_is_closed_and_the_client_keeps_polling(server):
    session = opened(server)
    with WebSocket(server.port, path=f"{SOCKETIO}&sid={session.sid}") as unfinished:
        server.pass_(UPGRADE_S)
        assert unfinished.close_frame().code == ABUSE
        server.pass_(TIMEOUT_S)
        assert unfinished.rest() == b"", "it has not answered the close"
        server.pass_(INTERVAL_S - TIMEOUT_S - UPGRADE_S)
        assert session.poll() == [PING]
        assert session.post(PONG).is_success
        assert server.held()["members"] == 1
    session.post(CLOSE)
    session.get()
    server.wait_until_held(sockets=0)
