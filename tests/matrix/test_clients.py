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
def test_a_library_has_the_outcome_of_its_row(cell, sqlite_server, tmp_path):
    server = sqlite_server
    library, how, is_http, is_refused = cell.surface, cell.distortion, cell.surface in HTTP, cell.outcome == "refused"
    before, mode = server.stats().total, "polling" if how == "polling only" else ""
    with ExitStack() as stack:
        port = stack.enter_context(Nginx(tmp_path, server.port)).port if how == "proxy in between" else server.port
        relay = stack.enter_context(Relay(port, half_closes=how == "half-closed" and (is_http or is_refused)))
        if is_refused:
            with relay.held() if how == "slow reader" else ExitStack():
                stack.enter_context(running(library, relay.port, mode))
            times = 2 if how == "reconnect" else 1
            wait_until(lambda: relay.received.count(cell.says.encode()) >= times, f"{times} refusals")
            assert relay.received.count(b"HTTP/1.1 400 ") == relay.received.count(b"HTTP/1.1 ")
        else:
            page = stack.enter_context(running(library, relay.port, mode))
            page.wait_for("shown", total=before + is_http)
            distort(how, relay, page, server)
            page.do("again")  # HTTP libraries retry their visit
            page.wait_for("shown", total=server.stats().total)
    assert not is_refused or server.stats().total == before
    assert [(server.stats().total,)] == server.database.rows("SELECT count(*) FROM visits")


def distort(how, relay, page, server):
    """Let another visit come while the connection has what the distortion names."""
    if how == "reconnect":
        relay.cut()
    elif how == "half-closed":
        relay.half_close()
    if how != "slow reader":
        server.register("karim")
        return
    with relay.held():
        page.do("again")
        for number in range(VISITS_MEANWHILE):
            server.register(f"reader{number}")
