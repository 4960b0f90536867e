"""A server per module that reports what it holds, and clients of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.clients.websocket import KINDS, WebSocket
from support.runs.short_run import EVERYTHING
from support.servers.changed_server import ChangedServer, changed_server

CHANGES = {
    "koyjabo.server.websockets.connection_loop.CLOSE_TIMEOUT_S": 3600,
    "koyjabo.server.websockets.connection_loop.STALLED_CLIENT_S": 3600,
    "koyjabo.server.websockets.buffered_connection.MAX_BUFFER_BYTES": 1 << 24,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """When everything is tested, run all tests that use `server` with both ways of watching sockets."""
    if EVERYTHING and "hub" in metafunc.fixturenames:
        metafunc.parametrize("hub", ["epolls", "poll"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def hub(request) -> str:
    """eventlet's hub. "poll" is for systems without epoll."""
    return getattr(request, "param", "epolls")


@pytest.fixture(scope="module")
def server(tmp_path_factory, hub) -> Iterator[ChangedServer]:
    """It waits an hour for a client's close frame, and drops no client that reads too little."""
    with changed_server(tmp_path_factory.mktemp("server"), CHANGES, EVENTLET_HUB=hub) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request) -> type[WebSocket]:
    return KINDS[request.param]
