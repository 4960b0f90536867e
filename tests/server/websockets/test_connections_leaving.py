"""SIGTERM closes each open page with 1001 and ends the process. Clients that do not respond delay nothing."""

import signal
import threading

import pytest
from support.clients.engine_client import Polling
from support.clients.event_source import EventSource
from support.clients.websocket import KINDS, SOCKETIO, CloseFrame, WebSocket, close
from support.clients.websocket_pool import Listeners
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import changed_server

GOING_AWAY = 1001
GOODBYE = CloseFrame(GOING_AWAY, "the server is going away")
CLOSE_TIMEOUT_S = "koyjabo.server.websockets.connection_loop.CLOSE_TIMEOUT_S"
GOODBYE_S = "koyjabo.server.websockets.websockets.GOODBYE_S"


@pytest.fixture
def server(tmp_path):
    """A server that would wait an hour for clients that do not respond."""
    with changed_server(tmp_path, {GOODBYE_S: 3600, CLOSE_TIMEOUT_S: 3600}) as server:
        yield server


@pytest.fixture
def impatient(tmp_path):
    """A server that waits the usual time when it leaves, though it closes unresponsive connections only after an
    hour.
    """
    with changed_server(tmp_path, {CLOSE_TIMEOUT_S: 3600}) as server:
        yield server


def test_every_kind_of_client_is_notified_and_the_server_leaves_promptly(server):
    session = Polling(server.port)
    assert session.post("40").ok
    while not any("visitor_update" in packet for packet in session.next_packets()):
        pass
    upgrading = WebSocket(server.port, path=f"{SOCKETIO}&sid={session.sid}")
    clients = [kind(server.port) for kind in list(KINDS.values()) * 10]
    stream = EventSource(server.port)
    stream.event()
    answers, before = [], open_sockets(server.worker)
    poll = threading.Thread(target=lambda: answers.append(session.get()))
    poll.start()
    wait_until(lambda: open_sockets(server.worker) > before, "the poll has been accepted")
    assert all(client.is_answered() for client in clients)
    server.tell(signal.SIGTERM)
    for client in [*clients, upgrading]:
        assert client.close_frame() == GOODBYE
        client.send(close(GOING_AWAY))
        assert client.rest() == b""
    assert stream.rest() == []
    poll.join()
    assert [answer.status_code for answer in answers] == [200]
    assert server.wait().status == 0


def test_clients_that_do_not_answer_delay_no_shutdown(impatient):
    """Clients that do not read what is sent to them do not delay it either. Requests have an hour."""
    server = impatient
    deaf = [kind(server.port) for kind in list(KINDS.values()) * 5]
    stuck = [kind(server.port, receive_buffer=2048) for kind in list(KINDS.values()) * 5]
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


def test_stopping_server_delivers_pending_events_and_a_close_to_every_socket(server):
    with Listeners(server.port, 300) as crowd:
        crowd.wait_for_first()
        sent = server.emit(20, size=500)
        server.tell(signal.SIGTERM)
        crowd.are_over()
        left = server.wait()
        assert left.status == 0
        assert all(listener.revisions[-20:] == sent for listener in crowd.all)
        assert {listener.code for listener in crowd.all} == {GOING_AWAY}
