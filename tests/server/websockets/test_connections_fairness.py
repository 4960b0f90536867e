"""An address with many WebSockets delays only itself. The cases of a public test suite pass."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.clients.websocket import PING, PONG, WebSocket, frame, say
from support.programs.processes import ROOT, wait_until
from support.servers.changed_server import timed_server

from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.server.websockets.connection_loop import ConnectionLoop

CROWD, NEIGHBOUR = (f"X-Forwarded-For: {address}" for address in ("203.0.113.7", "203.0.113.8"))
NO_POLLER = SimpleNamespace(add=lambda *_: None)
BUDGET = "koyjabo.server.websockets.connection_loop"


def test_a_socket_is_read_512_bytes_at_a_time():
    """A message that is larger is completed by one more read."""
    ours, theirs = socket.socketpair()
    messages = []
    owner = SimpleNamespace(
        largest_message=4096, pings=False, received=lambda _, message: messages.append(message), ended=None
    )
    with ours, theirs:
        connection = ConnectionLoop(ThreadRuntime(), NO_POLLER, None, 10, 10, 10).add(ours, "", owner, b"", b"")
        connection.start()
        theirs.send(say(type="ping") * 100 + frame("x" * 4000) + frame("last"))
        connection.read()
        assert len(messages) == 512 // len(say(type="ping"))
        while len(messages) < 100:
            connection.read()
        connection.read()
        assert [len(message) for message in messages[100:]] == [4000]
        connection.read()
        assert messages[101:] == ["last"]


@pytest.fixture(scope="module")
def small_budget(tmp_path_factory):
    """A server where an address may send 100 frames at once, and ten a second."""
    changes = {f"{BUDGET}.MAX_BURST": 100, f"{BUDGET}.FRAMES_A_SECOND": 10}
    with timed_server(tmp_path_factory.mktemp("server"), changes, TRUSTED_PROXIES=1) as server:
        yield server


def pong_count(client: WebSocket, most: int) -> int:
    count = 0
    while count < most:
        count += client.frame().opcode == PONG
    return count


def test_an_address_that_sends_too_many_frames_is_not_read_for_a_while(small_budget):
    """Nothing is lost or closed, and another address is answered."""
    with WebSocket(small_budget.port, CROWD) as one, WebSocket(small_budget.port, CROWD) as other:
        one.send(frame("", PING) * 400)
        wait_until(lambda: small_budget.held()["paused"] == 1, "it is not read")
        other.send(frame("", PING))
        wait_until(lambda: small_budget.held()["paused"] == 2, "its address is not read")
        with WebSocket(small_budget.port, NEIGHBOUR) as neighbour:
            assert neighbour.is_answered()
        small_budget.pass_(20)
        assert pong_count(one, 300) == 300
        small_budget.pass_(20)
        assert pong_count(one, 100) == 100
        assert pong_count(other, 1) == 1
        with WebSocket(small_budget.port, NEIGHBOUR) as leaves:
            leaves.send(frame("", PING) * 400)
            wait_until(lambda: small_budget.held()["paused"] == 1, "it is not read, and leaves")
            leaves.reset()
    wait_until(lambda: not any(small_budget.held().values()), "they are gone")


SECTIONS = (1, 2, 3, 4, 5, 6, 7, 10)
"""The sections of Autobahn's test suite. The others have large messages and compression, which we refuse."""


def test_websockets_pass_the_public_test_suite(sqlite_database, new_server, tmp_path):
    """The suite runs in another process, because importing it replaces `pkg_resources`."""
    server = new_server(sqlite_database)
    server.program = (str(ROOT / "tests/support/servers/echo_app.py"),)
    server.start()
    cases = [word for section in SECTIONS for word in ("--include", f"{section}.*")]
    suite = (str(Path(sys.executable).with_name("kosoku")), f"127.0.0.1:{server.port}", "--parallelism", "8")
    subprocess.run([*suite, "--outdir", tmp_path, *cases], capture_output=True, check=False)
    (results,) = json.loads((tmp_path / "index.json").read_text()).values()
    verdicts = {case: {result["behavior"], result["behaviorClose"]} for case, result in results.items()}
    assert {case: verdict for case, verdict in verdicts.items() if not verdict <= {"OK", "INFORMATIONAL"}} == {}
    assert len(verdicts) >= 247
