"""A client's frames (RFC 6455, 5 and 7) are understood however they are split, or the connection is closed."""

from __future__ import annotations

import pytest
from support.clients.websocket import (
    BINARY,
    FINAL,
    MORE,
    PING,
    PONG,
    TEXT,
    CloseFrame,
    Frame,
    SocketIO,
    WebSocket,
    announce,
    close,
    frame,
    say,
)

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
LARGEST = 4096
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


# Valid input, split in any way.


def test_message_in_fragments_is_one_message(client):
    """Some fragments are empty."""
    asked = ASKED[type(client)]
    for size in (1, 4, 15):
        assert is_pong(client.send(*fragments(asked, size))), size
    client.send(frame("", final=False), frame(asked, MORE, final=False), frame("", MORE))
    assert is_pong(client)


def test_pings_in_between_fragments_are_answered_at_once_with_their_payload(client):
    first, *others = fragments(ASKED[type(client)], 4)
    client.send(first)
    for payload in (b"", b"\x00\xff binary", b"x" * 125):
        client.send(frame(payload, PING))
        assert client.frame() == Frame(PONG, payload)
    for other in others:
        client.send(frame("", PONG), other)
    assert is_pong(client)


def test_message_that_arrives_byte_by_byte_is_one_message(client):
    everything = b"".join(fragments(ASKED[type(client)], 6)) + frame("slow", PING)
    client.send(*(everything[at : at + 1] for at in range(len(everything))))
    frames = [client.frame(), client.frame()]  # the Socket.IO event may come after an earlier frame
    assert Frame(PONG, b"slow") in frames
    assert any(b"timestamp" in frame.payload for frame in frames)


def test_messages_of_the_largest_size_are_read(client):
    """An unrequested pong is ignored."""
    largest = ASKED[type(client)].ljust(LARGEST)
    client.send(frame("unasked", PONG), frame(largest) * 5, *fragments(largest, 100))
    assert all(is_pong(client) for _ in range(6))


# Invalid input.

WRONG = {
    "not masked": (PROTOCOL_ERROR, frame("hello", masked=False)),
    "ping not masked": (PROTOCOL_ERROR, frame("hello", PING, masked=False)),
    "first reserved bit": (PROTOCOL_ERROR, frame("hello", reserved=0b100)),
    "second reserved bit": (PROTOCOL_ERROR, frame("hello", reserved=0b010)),
    "third reserved bit": (PROTOCOL_ERROR, frame("hello", reserved=0b001)),
    "reserved opcode": (PROTOCOL_ERROR, frame("hello", 0x3)),
    "reserved control opcode": (PROTOCOL_ERROR, frame("hello", 0xB)),
    "long ping": (PROTOCOL_ERROR, frame("x" * 126, PING)),
    "ping in parts": (PROTOCOL_ERROR, frame("x", PING, final=False)),
    "continuation of nothing": (PROTOCOL_ERROR, frame("hello", MORE)),
    "message in a message": (PROTOCOL_ERROR, frame("{", final=False) + frame("{}")),
    "length with too many bytes": (PROTOCOL_ERROR, bytes((FINAL | TEXT, 0x80 | 126, 0, 5)) + b"\0" * 9),
    "negative length": (PROTOCOL_ERROR, bytes((FINAL | TEXT, 0x80 | 127)) + b"\xff" * 8 + b"\0" * 9),
    "text that is not UTF-8": (NOT_UTF8, frame(b"\xff\xfe")),
    "text with half a surrogate": (NOT_UTF8, frame(b"\xed\xa0\x80")),
    "text that ends in mid-character": (NOT_UTF8, frame("ঢ".encode()[:2])),
    "fragments that end in mid-character": (NOT_UTF8, b"".join(fragments("ঢাকা".encode()[:-1], 2))),
    "fragment that is not UTF-8": (NOT_UTF8, frame(b"\xff", final=False)),
    "large message": (TOO_BIG, frame("x" * (LARGEST + 1))),
    "large message that is only announced": (TOO_BIG, announce(FINAL | TEXT, LARGEST + 1) + b"mask"),
    "enormous message that is only announced": (TOO_BIG, announce(FINAL | TEXT, 1 << 40) + b"mask"),
    "large binary message": (TOO_BIG, frame(b"\0" * (LARGEST + 1), BINARY)),
    "large message in fragments": (TOO_BIG, b"".join(fragments("x" * (LARGEST + 1), 500))),
    "large message, its last fragment only announced": (
        TOO_BIG,
        frame("x" * LARGEST, final=False) + announce(FINAL, 1) + b"mask",
    ),
}


def test_what_is_no_frame_closes_the_connection_with_a_code(server, kind):
    codes = {}
    for what, (code, sent) in WRONG.items():
        with kind(server.port) as client:
            client.event()
            codes[what] = client.send(sent).close_frame().code
            client.send(close(code))
            assert client.is_lost(), what
    assert codes == {what: code for what, (code, _) in WRONG.items()}


def test_after_our_close_frame_nothing_else_is_said(server, client):
    client.send(frame("hello", 0x3))
    assert client.close_frame().code == PROTOCOL_ERROR
    client.send(say(type="ping"), frame("x", PING), frame("", masked=False))
    server.emit()
    client.send(close(PROTOCOL_ERROR))
    assert client.rest() == b""


# Closing.

WELCOME = [1000, 1003, 1007, 1011, 1014, 3000, 4999]
WRONG_CLOSES = {
    **{close(code): PROTOCOL_ERROR for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)},
    frame(b"\x03", 0x8): PROTOCOL_ERROR,
    close(1000, b"\xff"): NOT_UTF8,
    close(1000, b"x" * 124): PROTOCOL_ERROR,
}


def test_close_is_answered_with_its_code_and_what_comes_after_it_is_not(server, kind):
    for code in (*WELCOME, None):
        with kind(server.port) as client:
            client.event()
            sent = close(None) if code is None else close(code, "অবসর".encode())
            client.send(sent + frame(ASKED[kind]) + frame("x", PING))
            assert client.close_frame() == CloseFrame(code, "")
            assert client.rest() == b""


def test_close_that_may_not_be_sent_is_an_error(server, kind):
    """The close has a reserved or undefined code, half a code, or a reason that is too long or not text."""
    for sent, code in WRONG_CLOSES.items():
        with kind(server.port) as client:
            client.event()
            assert client.send(sent).close_frame().code == code, sent
