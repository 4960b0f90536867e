"""A server per module that reports what it holds, and clients of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.clients.websocket import KINDS, WebSocket
from support.servers.changed_server import ChangedServer, changed_server

CHANGES = {
    "koyjabo.server.websockets.connection_loop.CLOSE_TIMEOUT_S": 3600,
    "koyjabo.server.websockets.connection_loop.STALLED_CLIENT_S": 3600,
    "koyjabo.server.websockets.buffered_connection.MAX_BUFFER_BYTES": 1 << 24,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ChangedServer]:
    """It waits an hour for a client's close frame, and drops no client that reads too little."""
    with changed_server(tmp_path_factory.mktemp("server"), CHANGES) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request) -> type[WebSocket]:
    return KINDS[request.param]
