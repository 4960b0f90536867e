"""The server without epoll and other Linux calls, as on macOS."""

import pytest
from mac_server import MacServer
from support.clients.websocket import KINDS


@pytest.fixture
def new_mac_server(tmp_path, sqlite_database, request):
    def start(workers: str) -> MacServer:
        redis = {"REDIS_URL": request.getfixturevalue("redis").url} if workers != "1" else {}
        server = MacServer(sqlite_database, tmp_path, WEB_CONCURRENCY=workers, **redis)
        request.addfinalizer(server.kill)
        return server.start()

    return start


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_server_without_calls_of_linux_counts_pushes_and_stops(new_mac_server, workers):
    server = new_mac_server(workers)
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
