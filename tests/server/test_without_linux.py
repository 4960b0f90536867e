"""The server without epoll and other Linux calls, as on macOS."""

import pytest
from mac_server import MacServer
from support.clients.websocket import KINDS


@pytest.fixture
def server(tmp_path, sqlite_database):
    server = MacServer(sqlite_database, tmp_path)
    yield server.start()
    server.kill()


def test_a_server_without_the_calls_of_linux_counts_pushes_and_stops(server):
    with KINDS["plain"](server.port) as plain, KINDS["Socket.IO"](server.port) as socketio:
        clients = (plain, socketio)
        for client in clients:
            client.event()
        receipt = server.register("ayesha", visit="1")
        assert server.register("ayesha", visit="1").ordinal == receipt.ordinal
        for client in clients:
            while client.event()["stats"]["totalVisits"] != receipt.ordinal:
                pass
    assert server.stop().status == 0
    assert "Traceback" not in server.log, server.log
