"""Clients that send nonsense or too much get an error, are then closed with 1008, and disturb no other clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from support.clients.websocket import BINARY, PING, PONG, SocketIO, WebSocket, close, frame, say
from support.programs.processes import wait_until

ABUSE = 1008
MAX_ERRORS = 10
MAX_FRAMES = 500
ENOUGH = 20 * MAX_FRAMES

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


def test_nonsense_is_answered_with_an_error_and_the_socket_stays_open(server):
    """Includes a binary frame."""
    for what, nonsense in NONSENSE.items():
        with WebSocket(server.port) as client:
            client.event()
            error = client.send(nonsense).event()
            assert list(error) == ["type", "error", "message", "code"], what
            assert (error["type"], error["code"]) == ("error", "invalid_message"), what
            assert error["message"] == error["error"]
            assert client.is_answered(), what


def test_client_that_repeats_it_gets_an_error_each_time_and_then_is_closed_alone(server, kind):
    wrong = frame('42["subscribe"]') if kind is SocketIO else frame("hello")
    with kind(server.port) as client, kind(server.port) as other:
        assert {client.event()["type"], other.event()["type"]} == {"visitor_update"}
        client.send(*[wrong] * (MAX_ERRORS - 1))
        assert [client.event()["code"] for _ in range(MAX_ERRORS - 1)] == ["invalid_message"] * (MAX_ERRORS - 1)
        assert client.is_answered(), "too early"
        assert other.send(wrong).event()["type"] == "error"
        assert client.send(wrong).event()["type"] == "error"
        assert client.close_frame().code == ABUSE
        assert other.is_answered(), "its errors are not the other's"


NO_PACKETS = {
    "unknown packet": "9",
    "no packet": "hello",
    "empty": "",
    "unknown type": "49",
    "no type": "4abc",
    "an empty packet": "4",
    "an event that is empty": "42",
    "an event without its end": '42["ping"',
    "no JSON": "42[hello",
    "an event without a name": "42[]",
    "an event that is no list": '42{"a": 1}',
    "an event that is null": "42null",
    "an empty object": "4{}",
    "null": "4null",
    "an acknowledgement's number that is none": '42abc["ping"]',
    "no number of attachments": "45x-[]",
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


def test_what_is_no_engineio_or_socketio_is_closed_and_fills_no_log(server):
    """The protocol's own test suite expects the close. A traceback for each packet would fill a disk."""
    log_size, codes = len(server.log), {}
    for what, nonsense in NO_PACKETS.items():
        with SocketIO(server.port) as client:
            client.event()
            client.send(*[frame(nonsense)] * 3)
            codes[what] = client.close_frame().code
    assert codes == dict.fromkeys(NO_PACKETS, ABUSE)
    assert "Traceback" not in server.log[log_size:]
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")


def test_useless_packets_on_socketio_disturb_no_other_client(server):
    with SocketIO(server.port) as other, WebSocket(server.port) as plain:
        for nonsense in HARMLESS.values():
            with SocketIO(server.port) as client:
                client.event()
                client.send(*[frame(nonsense)] * 3)
                assert other.is_answered()
                assert plain.is_answered()
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")


QUESTIONS = {WebSocket: say(type="request_count"), SocketIO: frame('420["request_count"]')}


@pytest.mark.parametrize("asks", [False, True], ids=["tiny pings", "questions"])
def test_flood_is_closed_and_the_others_have_their_answers_meanwhile(server, kind, asks):
    """The loop answers pings, and a task answers questions."""
    sent = QUESTIONS[kind] if asks else frame("", PING)
    with (
        kind(server.port) as client,
        WebSocket(server.port) as plain,
        SocketIO(server.port) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        threads.submit(send_until_closed, client, sent)
        # The client reads at once, because the server waits only 5 s for a client that it closes.
        end = threads.submit(client.close_frame)
        for _ in range(5):
            assert plain.is_answered()
            assert other.is_answered()
            assert server.get("/api/stats").ok
        assert end.result().code == ABUSE
        with suppress(ConnectionError):  # answered too late, on a busy machine
            client.send(close(ABUSE))
    server.wait_until_held(sockets=0)


def test_as_many_frames_as_are_allowed_are_all_answered(server):
    with WebSocket(server.port) as client:
        client.event()
        client.send(frame("x", PING) * (MAX_FRAMES - 1))
        assert all(client.frame().opcode == PONG for _ in range(MAX_FRAMES - 1))
        assert client.is_answered()


def send_until_closed(client: WebSocket, sent: bytes) -> None:
    with suppress(ConnectionError):
        for _ in range(ENOUGH // 100):
            client.send(sent * 100)
