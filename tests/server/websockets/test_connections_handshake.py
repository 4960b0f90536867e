"""The opening handshake of WebSockets (RFC 6455, 4.2): what is accepted, and how the rest is refused."""

from __future__ import annotations

import pytest
from support.line import Line
from support.processes import wait_until
from support.websocket import ACCEPT, KINDS, SOCKETIO, WebSocket, frame, say, upgrade


def test_handshake_is_answered_as_the_rfc_says(server, kind):
    with kind(server.port) as client:
        assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n" in client.handshake


@pytest.fixture
def line(server):
    with Line(server.port) as line:
        yield line


def test_wrong_version_is_told_the_right_one(line):
    answer = line.send(upgrade(Sec_WebSocket_Version="8")).answer("GET")
    assert (answer.status, answer.headers["Sec-WebSocket-Version"]) == (426, "13")
    assert answer.json["code"] == "upgrade_required"


def test_bad_key_is_refused_with_an_error_and_the_connection_stays_usable(line):
    for key in (None, "", "YQ==", "#" * 24):
        answer = line.send(upgrade(Sec_WebSocket_Key=key)).answer("GET")
        assert (answer.status, answer.json["code"]) == (400, "bad_handshake"), key
    assert line.ask("GET", "/healthz").status == 200


def test_broken_handshake_of_socketio_is_refused_and_leaves_nothing_behind(server, line):
    wait_until(lambda: not any(server.held().values()), "those of the tests before are gone")
    for name in ("Sec_WebSocket_Version", "Sec_WebSocket_Key", "Connection", "Upgrade"):
        assert line.send(upgrade(SOCKETIO, **{name: None})).answer("GET").status == 400, name
    assert line.send(upgrade(SOCKETIO, Connection="keep-alive")).answer("GET").status == 400
    assert not any(server.held().values())


def test_request_that_asks_for_no_upgrade_gets_the_page(line):
    """RFC 9110, 7.8: without both headers it is an ordinary request."""
    for missing in ("Connection", "Upgrade"):
        answer = line.send(upgrade(**{missing: None})).answer("GET")
        assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")


def test_upgrade_may_stand_among_other_tokens_in_any_case_and_follow_a_request(server):
    for connection in ("upgrade", "keep-alive, Upgrade", "UPGRADE"):
        with Line(server.port) as line:
            assert line.ask("GET", "/healthz").status == 200
            line.send(upgrade(Connection=connection, Upgrade="WebSocket"))
            assert line._socket.recv(12) == b"HTTP/1.1 101"


def test_upgrade_where_there_is_nothing_is_not_found(line):
    assert line.send(upgrade("/nowhere")).answer("GET").status == 404


def test_neither_compression_nor_a_subprotocol_is_chosen(server, kind):
    asked = ("Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: Authorization, chat")
    with kind(server.port, *asked) as client:
        assert "Sec-WebSocket-Extensions" not in client.handshake
        assert "Sec-WebSocket-Protocol" not in client.handshake
        assert client.is_answered()


def test_frames_in_the_same_packet_as_the_handshake_are_answered(server):
    with WebSocket(server.port, early=say(type="ping") + say(type="nonsense")) as client:
        assert sorted(client.event()["type"] for _ in range(3)) == ["error", "pong", "visitor_update"]


def test_socketio_client_in_a_hurry_is_connected(server):
    """It sends CONNECT without waiting for the server's OPEN."""

    class Hurried(KINDS["Socket.IO"]):
        def begin(self) -> None:
            assert self.message().startswith("0{")
            assert self.message().startswith("40{")

    with Hurried(server.port, early=frame("40")) as client:
        assert client.event()["type"] == "visitor_update"
