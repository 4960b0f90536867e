"""One server of a module, which tells what it holds, and clients of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.clients.websocket import KINDS, WebSocket
from support.servers.changed_server import ChangedServer, changed_server


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ChangedServer]:
    with changed_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request) -> type[WebSocket]:
    return KINDS[request.param]
