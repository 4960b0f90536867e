"""Clients that send nonsense or too much get an error and are then closed with 1008. They disturb no other clients."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from support.clients.connection import Connection
from support.clients.websocket import (
    BINARY,
    FINAL,
    KINDS,
    MORE,
    PING,
    PONG,
    TEXT,
    SocketIO,
    WebSocket,
    announce,
    close,
    frame,
    say,
    upgrade,
)
from support.clients.websocket_pool import Listeners
from support.programs.processes import open_sockets, wait_until

ABUSE = 1008
MAX_ERRORS = 10
MAX_FRAMES = 500
ENOUGH = 4 * MAX_FRAMES

NONSENSE = {
    "binary": frame(b'{"type": "ping"}', BINARY),
    "no JSON": frame("hello"),
    "no object": frame('["ping"]'),
    "null": frame("null"),
    "no type": frame("{}"),
    "a type that is no text": frame('{"type": 1}'),
    "an unknown type": say(type="subscribe"),
    "deep JSON": frame("[" * 4000),
    "a number of many digits": frame('{"type": "x", "n": ' + "9" * 4000 + "}"),
    "half a surrogate": frame('{"type": "\\ud800"}'),
}


def test_an_invalid_message_gets_an_error_and_the_socket_stays_open(server):
    for what, nonsense in NONSENSE.items():
        with WebSocket(server.port) as client:
            client.event()
            error = client.send(nonsense).event()
            assert list(error) == ["type", "error", "message", "code"], what
            assert (error["type"], error["code"]) == ("error", "invalid_message"), what
            assert error["message"] == error["error"]
            assert client.is_answered(), what


def test_the_tenth_invalid_message_closes_the_socket(server, kind):
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
    "unknown type": "49",
    "no type": "4abc",
    "an empty packet": "4",
    "an event without its end": '42["ping"',
    "an event without a name": "42[]",
    "an event that is no list": '42{"a": 1}',
    "an acknowledgement's number that is none": '42abc["ping"]',
    "no number of attachments": "45x-[]",
    "a second connect, as an event": '42["connect",{}]',
    "a goodbye, as an event": '42["disconnect","client disconnect"]',
    "an event for every handler": '42["*","ping"]',
    "a binary event in no namespace": '451-/nowhere,["x",{"_placeholder":true,"num":0}]',
}


def test_an_invalid_socketio_packet_closes_the_connection_without_a_traceback(server):
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


FLOODS = {"pings": (WebSocket, frame("", PING)), "requests": (SocketIO, frame('420["request_count"]'))}
"""The loop responds to pings, and a task to requests."""


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_closed_while_other_clients_get_their_responses(server, flood):
    """The server of this folder buffers all responses, so the flood is not dropped for reading too little."""
    kind, sent = FLOODS[flood]
    with (
        kind(server.port) as client,
        WebSocket(server.port) as plain,
        SocketIO(server.port) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        threads.submit(send_until_closed, client, sent)
        for _ in range(5):
            assert plain.is_answered()
            assert other.is_answered()
            assert server.get("/api/stats").ok
        assert client.close_frame().code == ABUSE
    server.wait_until_held(sockets=0)


def send_until_closed(client: WebSocket, sent: bytes) -> None:
    with suppress(ConnectionError):
        for _ in range(ENOUGH // 100):
            client.send(sent * 100)


RESETS = 50
EVENTS, LISTENERS = 50, 15


def test_clients_that_reset_during_broadcasts_disturb_no_other_client(server):
    """They reset in the middle of a frame or a handshake, or with unread events."""
    wait_until(lambda: not any(server.held().values()), "the clients of earlier tests are gone")
    sockets = open_sockets(server.worker)
    stop, chance = threading.Event(), random.Random(5)
    goners = threading.Thread(target=come_and_go, args=(server.port, stop, chance))
    with Listeners(server.port, LISTENERS) as crowd:
        crowd.wait_for_first()
        goners.start()
        sent = []
        for _ in range(EVENTS // 10):
            sent += server.emit(10, size=500)
            crowd.wait_for_revision(sent[-1])
        stop.set()
        goners.join()
        assert all(listener.revisions[-EVENTS:] == sent for listener in crowd.all)
        server.wait_until_held(LISTENERS)
    wait_until(lambda: not any(server.held().values()), "nothing is left of them")
    wait_until(lambda: open_sockets(server.worker) <= sockets, "its sockets are closed")
    assert "Traceback" not in server.log, server.log
    assert "failed" not in server.log


def come_and_go(port: int, stop: threading.Event, chance: random.Random) -> None:
    """Connect clients that break off at random points, until stopped."""
    ping = say(type="ping")
    gone = 0
    while not stop.is_set() or gone < RESETS:
        with KINDS[chance.choice(tuple(KINDS))](port, receive_buffer=2048) as client:
            client.send(ping[: chance.randrange(len(ping))] if type(client) is WebSocket else frame("42[", final=False))
            client.reset()
        unfinished = Connection(port)
        unfinished.send(upgrade()[: chance.randrange(300)])
        unfinished.reset()
        gone += 2


PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
LARGEST = 65_536
ASKED = {WebSocket: '{"type": "ping"}', SocketIO: '42["ping"]'}


@pytest.fixture
def client(kind, server):
    """A client of each kind, after its first event."""
    with kind(server.port) as client:
        client.event()
        yield client


def fragments(text: str | bytes, size: int) -> list[bytes]:
    data = text.encode() if isinstance(text, str) else text
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    last = len(parts) - 1
    return [frame(part, MORE if number else TEXT, final=number == last) for number, part in enumerate(parts)]


def is_pong(client: WebSocket) -> bool:
    return client.event()["type"] == "pong"


def test_messages_of_the_largest_allowed_size_are_read(client):
    """An unrequested pong is ignored."""
    largest = ASKED[type(client)].ljust(LARGEST)
    client.send(frame("unasked", PONG), frame(largest) * 5, *fragments(largest, 1000))
    client.send(frame(ASKED[type(client)]) * 90)  # several in each read; more than 100 unanswered ones are too many
    assert all(is_pong(client) for _ in range(96))


# The cases of the public suite (test_connections_fairness.py) are not repeated here.

WRONG = {
    "not masked": (PROTOCOL_ERROR, frame("hello", masked=False)),
    "first reserved bit": (PROTOCOL_ERROR, frame("hello", reserved=0b100)),
    "reserved opcode": (PROTOCOL_ERROR, frame("hello", 0x3)),
    "length with too many bytes": (PROTOCOL_ERROR, bytes((FINAL | TEXT, 0x80 | 126, 0, 5)) + b"\0" * 9),
    "fragments that end in mid-character": (NOT_UTF8, b"".join(fragments("ঢাকা".encode()[:-1], 2))),
    "large message": (TOO_BIG, frame("x" * (LARGEST + 1))),
    "large message that is only announced": (TOO_BIG, announce(FINAL | TEXT, LARGEST + 1) + b"mask"),
    "large binary message": (TOO_BIG, frame(b"\0" * (LARGEST + 1), BINARY)),
    "large message in fragments": (TOO_BIG, b"".join(fragments("x" * (LARGEST + 1), 500))),
    "large message, its last fragment only announced": (
        TOO_BIG,
        frame("x" * LARGEST, final=False) + announce(FINAL, 1) + b"mask",
    ),
}


def test_an_invalid_frame_closes_the_connection_with_a_code(server, kind):
    codes = {}
    for what, (code, sent) in WRONG.items():
        with kind(server.port) as client:
            client.event()
            codes[what] = client.send(sent).close_frame().code
            if len(sent) < LARGEST:  # the rest of a larger message hides the client's close frame
                client.send(close(code))
                assert client.rest() == b"", what
    assert codes == {what: code for what, (code, _) in WRONG.items()}
