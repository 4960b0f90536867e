"""Other people's clients in front of a server: each has the outcome of its row (`clients.py`)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.clients.node_page import NodePage
from support.programs.processes import ROOT, wait_until
from support.servers.proxies import Nginx

from matrix.clients import CLIENTS, HTTP
from matrix.relay import Relay

LIBRARIES = Path(__file__).with_name("libraries")
OLD_PYTHON = ROOT / ".venv" / "clients"
IN_OLD_PYTHON = {"python-socketio 4", "sseclient"}
IN_NODE = {"fetch", "ws", "undici", "eventsource"}
VISITS_MEANWHILE = 20
STREAMED = "SELECT count(*) FROM visits"


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database).start()


@contextmanager
def running(library: str, port: int, mode: str) -> Iterator[NodePage]:
    """The library's program, connected to the port."""
    is_node = library in IN_NODE or library.startswith("socket.io-client")
    folder = LIBRARIES / "node_modules" if is_node else OLD_PYTHON if library in IN_OLD_PYTHON else ROOT
    if not folder.exists() or (library == "curl" and not shutil.which("curl")):
        pytest.fail(f"{library} is missing: `make test-all` installs it")
    script = Path(__file__).with_name(f"library_client.{'mjs' if is_node else 'py'}")
    path = {"PYTHONPATH": str(OLD_PYTHON)} if library in IN_OLD_PYTHON else {}
    program = "node" if is_node else sys.executable
    page = NodePage(script, port, LIBRARIES, library, mode, program=program, environment={**os.environ, **path})
    yield page
    page.kill()


@pytest.mark.parametrize("cell", CLIENTS.parameters())
def test_a_library_has_the_outcome_of_its_row(cell, server, tmp_path):
    mode = "polling" if cell.distortion == "polling only" else ""
    before, is_http = server.stats().total, cell.surface in HTTP
    with ExitStack() as stack:
        port = server.port
        if cell.distortion == "proxy in between":
            port = stack.enter_context(Nginx(tmp_path, port)).port
        cuts_requests = cell.distortion == "half-closed" and (is_http or cell.outcome == "refused")
        relay = stack.enter_context(Relay(port, half_closes=cuts_requests))
        if cell.outcome == "refused":
            with relay.held() if cell.distortion == "slow reader" else ExitStack():
                stack.enter_context(running(cell.surface, relay.port, mode))
            times = 2 if cell.distortion == "reconnect" else 1
            wait_until(lambda: relay.received.count(cell.says.encode()) >= times, f"{times} refusals")
            assert relay.received.count(b"HTTP/1.1 400 ") == relay.received.count(b"HTTP/1.1 ")
        else:
            page = stack.enter_context(running(cell.surface, relay.port, mode))
            page.wait_for("shown", total=before + is_http)
            distort(cell.distortion, relay, page, server)
            page.do("again")  # HTTP libraries retry their visit
            page.wait_for("shown", total=server.stats().total)
    if cell.outcome == "refused":
        assert server.stats().total == before
    assert [(server.stats().total,)] == server.database.rows(STREAMED)


def distort(distortion, relay, page, server):
    """Let another visit come while the connection has what the distortion names."""
    if distortion == "reconnect":
        relay.cut()
    elif distortion == "half-closed":
        relay.half_close()
    elif distortion == "slow reader":
        with relay.held():
            page.do("again")
            for number in range(VISITS_MEANWHILE):
                server.register(f"reader{number}")
        return
    server.register("somebody")
