"""An address with many WebSockets delays only itself. The cases of a public test suite pass."""

import socket
from types import SimpleNamespace

import pytest
import websocket_suite
from support.clients.websocket import PING, PONG, WebSocket, frame, say
from support.programs.processes import wait_until
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
    """Read `most` pongs."""
    count = 0
    while count < most:
        count += client.frame().opcode == PONG
    return count


def test_an_address_that_sends_too_many_frames_is_not_read_until_it_may_send_again(small_budget):
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
    wait_until(lambda: not any(small_budget.held().values()), "they are gone")


def test_a_client_that_leaves_while_its_address_is_not_read_is_forgotten(small_budget):
    with WebSocket(small_budget.port, NEIGHBOUR) as client:
        client.send(frame("", PING) * 400)
        wait_until(lambda: small_budget.held()["paused"] == 1, "it is not read")
        client.reset()
    wait_until(lambda: not any(small_budget.held().values()), "it is gone")


def test_websockets_pass_the_public_test_suite():
    agreements = list(websocket_suite.agreements())
    assert {case: mistake for agreement in agreements for case, mistake in agreement.wrong.items()} == {}
    assert sum(agreement.right for agreement in agreements) >= 247
