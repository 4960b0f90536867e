"""Clients that send nonsense, or too much: told, then closed with 1008, and nobody else notices."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from support.changed_server import changed_server
from support.processes import wait_until
from support.websocket import BINARY, KINDS, PING, PONG, SocketIO, WebSocket, close, frame, say

ABUSE = 1008
MOST_ERRORS = 10
MOST_FRAMES = 500
ENOUGH = 20 * MOST_FRAMES

NONSENSE = {
    "binary": frame(b'{"type": "ping"}', BINARY),
    "no JSON": frame("hello"),
    "half a JSON": frame('{"type": "ping"'),
    "nothing": frame(""),
    "no object": frame('["ping"]'),
    "null": frame("null"),
    "no type": frame("{}"),
    "a type that is no text": frame('{"type": 1}'),
    "a type that is a list": frame('{"type": ["ping"]}'),
    "an unknown type": say(type="subscribe"),
    "a type of the server's": say(type="visitor_update"),
    "deep JSON": frame("[" * 4000),
    "a number of many digits": frame('{"type": "x", "n": ' + "9" * 4000 + "}"),
    "not a number": frame("NaN"),
    "half a surrogate": frame('{"type": "\\ud800"}'),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def plain(server):
    with WebSocket(server.port) as client:
        client.event()
        yield client


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_answered_with_an_error_and_the_socket_stays_open(plain, nonsense):
    error = plain.send(nonsense).event()
    assert list(error) == ["type", "error", "message", "code"]
    assert (error["type"], error["code"]) == ("error", "invalid_message")
    assert error["message"] == error["error"]
    assert plain.is_answered()


def test_client_that_keeps_at_it_is_told_each_time_and_then_closed(plain):
    plain.send(*[frame("hello")] * (MOST_ERRORS - 1))
    assert [plain.event()["type"] for _ in range(MOST_ERRORS - 1)] == ["error"] * (MOST_ERRORS - 1)
    assert plain.is_answered(), "too early"
    plain.send(frame("hello"))
    assert plain.event()["type"] == "error"
    assert plain.goodbye().code == ABUSE


def test_errors_of_one_socket_are_not_anothers(server, plain):
    plain.send(*[frame("hello")] * (MOST_ERRORS - 1))
    with WebSocket(server.port) as other:
        other.event()
        other.send(frame("hello"))
        assert other.event()["type"] == "error"
        assert other.is_answered()


NO_ENGINEIO = {"unknown packet": "9", "no packet": "hello", "empty": ""}
NO_SOCKETIO = {
    "unknown type": "49",
    "no type": "4abc",
    "no JSON": "42[hello",
    "an event without a name": "42[]",
    "an event that is no list": '42{"a": 1}',
    "an event that is null": "42null",
    "an empty object": "4{}",
    "null": "4null",
    "an acknowledgement's number that is none": '42abc["ping"]',
    "many attachments": '459999999-["x"]',
    "a second connect, as an event": '42["connect",{}]',
    "a goodbye, as an event": '42["disconnect","client disconnect"]',
    "an event for every handler": '42["*","ping"]',
    "a binary event in no namespace": '451-/nowhere,["x",{"_placeholder":true,"num":0}]',
}
HARMLESS = {
    "an acknowledgement of nothing": "43",
    "a binary event without its binary": '451-["x",{"_placeholder":true,"num":0}]',
    "an event in no namespace": '42/nowhere,["ping"]',
}


@pytest.mark.parametrize("nonsense", NO_ENGINEIO.values(), ids=NO_ENGINEIO)
def test_what_is_no_engineio_is_closed(server, nonsense):
    with SocketIO(server.port) as client:
        client.event()
        client.send(frame(nonsense))
        assert client.goodbye().code == ABUSE


@pytest.mark.parametrize("nonsense", NO_SOCKETIO.values(), ids=NO_SOCKETIO)
def test_what_is_no_socketio_is_closed_and_fills_no_log(server, nonsense):
    """The protocol's own test suite expects the close; a traceback for each packet would fill a disk."""
    said = len(server.log)
    with SocketIO(server.port) as client:
        client.event()
        client.send(frame(nonsense))
        assert client.goodbye().code == ABUSE
    assert "Traceback" not in server.log[said:]


@pytest.mark.parametrize("nonsense", (every := NO_ENGINEIO | NO_SOCKETIO | HARMLESS).values(), ids=every)
def test_nonsense_on_socketio_harms_nobody_else(server, nonsense):
    with SocketIO(server.port) as client, SocketIO(server.port) as other, WebSocket(server.port) as plain:
        client.event()
        client.send(*[frame(nonsense)] * 3)
        assert other.is_answered()
        assert plain.is_answered()
    wait_until(lambda: not any(server.held().values()), "nothing is left of it")


def test_unknown_event_of_socketio_is_told_each_time_and_then_closed(server):
    with SocketIO(server.port) as client:
        client.event()
        for _ in range(MOST_ERRORS):
            client.send(frame('42["subscribe"]'))
            assert client.event()["code"] == "invalid_message"
        assert client.goodbye().code == ABUSE


FLOODS = {
    "pings": frame("x" * 100, PING),
    "pongs": frame("x" * 100, PONG),
    "tiny pings": frame("", PING),
    "messages": say(type="ping"),
    "questions": say(type="request_count"),
}
SOCKETIO_FLOODS = {**FLOODS, "messages": frame('42["ping"]'), "questions": frame('420["request_count"]')}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("kind", KINDS)
def test_flood_is_closed_and_the_others_have_their_answers_meanwhile(server, kind, flood):
    sent = (SOCKETIO_FLOODS if kind == "Socket.IO" else FLOODS)[flood]
    with KINDS[kind](server.port) as client, WebSocket(server.port) as plain, SocketIO(server.port) as other:
        thread = threading.Thread(target=send_until_closed, args=(client, sent))
        thread.start()
        for _ in range(5):
            assert plain.is_answered()
            assert other.is_answered()
            assert server.get("/api/stats").ok
        assert client.goodbye().code == ABUSE
        with suppress(ConnectionError):  # it was answered too late, on a busy machine
            client.send(close(ABUSE))
        thread.join()
    server.wait_until_held(sockets=0)


def test_flood_of_parts_of_one_message_is_closed(server):
    """Each empty, so that the message never gets too big."""
    with WebSocket(server.port) as client, WebSocket(server.port) as other:
        client.event()
        client.send(frame("", final=False))
        thread = threading.Thread(target=send_until_closed, args=(client, frame("", 0, final=False)))
        thread.start()
        assert other.is_answered()
        assert client.goodbye().code == ABUSE
        thread.join()


def test_as_many_frames_as_are_allowed_are_all_answered(server, plain):
    plain.send(frame("x", PING) * (MOST_FRAMES - 1))
    assert all(plain.frame().opcode == PONG for _ in range(MOST_FRAMES - 1))
    assert plain.is_answered()


def send_until_closed(client: WebSocket, sent: bytes) -> None:
    try:
        for _ in range(ENOUGH // 100):
            client.send(sent * 100)
    except ConnectionError:
        pass
