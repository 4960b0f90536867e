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


def opened(server: ChangedServer) -> Polling:
    """A polling Socket.IO client that has received its first event."""
    session = Polling(server.port)
    assert session.post("40").is_success
    while not any("visitor_update" in packet for packet in session.next_packets()):
        pass
    return session


def test_a_client_of_any_kind_that_responds_to_no_ping_is_dropped_and_the_other_clients_stay(server):
    """Includes polling clients, and one that never polls again."""
    opened(server)
    polling, silent = opened(server), opened(server)
    sockets, deaf = ([kind(server.port) for kind in KINDS.values()] for _ in range(2))
    for socket in (*sockets, *deaf):
        socket.event()
    for until_ping_s in (INTERVAL_S, INTERVAL_S - TIMEOUT_S):
        server.pass_(until_ping_s)
        for client in sockets:
            assert answer(client, client.frame())
            assert client.is_answered(), "the server has read the answer before more time passes"
        assert polling.poll() == [PING]
        assert polling.post(PONG).is_success
        server.pass_(TIMEOUT_S / 2)
        if until_ping_s == INTERVAL_S:
            assert server.held()["members"] == 7
        server.pass_(TIMEOUT_S / 2)
        wait_until(lambda: server.held()["members"] == 3, "those that responded are left")
    assert silent.get().status_code == 400
    for client in deaf:
        pinged = client.frame()
        assert pinged.opcode == PING_FRAME or pinged.payload == b"2"
        client.rest()
    polling.post(CLOSE)
    polling.get()
    for client in sockets:
        client.end()
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")


def test_an_unfinished_upgrade_is_closed_and_the_client_keeps_polling(server):
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
