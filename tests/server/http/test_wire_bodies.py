"""Bodies as they are on the wire: in chunks, in crumbs, and too large."""

from __future__ import annotations

import json

from support.line import Line, chunked, head

REGISTER = "/api/visitor/register"
LARGEST = 16 * 1024


def body_of(size: int) -> bytes:
    written = json.dumps({"visitorId": "karim", "page": ""}).encode()
    return written.replace(b'""', b'"' + b"x" * (size - len(written)) + b'"')


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def assert_too_large(answer) -> None:
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def assert_usable_or_closed(line: Line) -> None:
    """After a body that nobody read to its end, its rest must not be taken for a request."""
    try:
        assert line.ask("GET", "/healthz").json == {"status": "alive"}
    except (ConnectionError, OSError):
        assert line.is_closed()


def test_chunked_body_is_read_whole(line, sqlite_server):
    before = sqlite_server.stats().total
    body = chunked(b'{"visitor', b'Id": "kar', b'im"}')
    answer = line.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), body).answer()
    assert (answer.status, answer.json["visit"]["ordinal"]) == (200, before + 1)
    closing = body[:-2] + b"Connection: close\r\n\r\n"  # in a trailer
    answer = line.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), closing).answer()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    with Line(sqlite_server.port) as other:
        assert other.ask("GET", "/healthz").status == 200


def test_16_kb_are_taken_and_one_byte_more_is_not(line, sqlite_server):
    largest, larger = body_of(LARGEST), body_of(LARGEST + 1)
    assert line.send(head("POST", REGISTER, length(largest)), largest).answer().status == 200
    before = sqlite_server.stats().total
    assert_too_large(line.send(head("POST", REGISTER, length(larger)), larger).answer())
    assert sqlite_server.stats().total == before
    assert_usable_or_closed(line)


def test_chunked_body_over_16_kb_is_refused(line, sqlite_server):
    """However its excess looks: cut off, this one would still be valid. Chunks are measured together."""
    before = sqlite_server.stats().total
    padded = b'{"visitorId": "karim"}' + b" " * LARGEST
    pieces = chunked(*(padded[at : at + 100] for at in range(0, len(padded), 100)))
    assert_too_large(line.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), pieces).answer())
    assert sqlite_server.stats().total == before
    assert_usable_or_closed(line)


def test_announced_size_over_16_kb_is_refused_before_it_is_sent(sqlite_server):
    """A client that asks first (Expect: 100-continue) need not send what will be refused."""
    for asks in ((), ("Expect: 100-continue",)):
        with Line(sqlite_server.port) as line:
            assert_too_large(line.send(head("POST", REGISTER, f"Content-Length: {10**15}", *asks)).answer())


def test_client_that_asks_first_is_told_to_go_on(line):
    """RFC 9110, 10.1.1."""
    body = body_of(100)
    line.send(head("POST", REGISTER, length(body), "Expect: 100-continue"))
    assert line._socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert line.send(body).answer().status == 200
    assert line.ask("GET", "/healthz").status == 200


def test_body_of_a_request_that_asks_for_an_upgrade_is_read(line, sqlite_server):
    """As `curl --http2` sends it. Otherwise the body could be read as a request."""
    body = b'{"visitorId": "karim"}'
    for framing, sent in (("Content-Length: 22", body), ("Transfer-Encoding: chunked", chunked(body))):
        before = sqlite_server.stats().total
        answer = line.send(head("POST", REGISTER, framing, "Upgrade: h2c", "Connection: Upgrade") + sent).answer()
        assert (answer.status, answer.json["visit"]["ordinal"]) == (200, before + 1)
        assert line.ask("GET", "/healthz").status == 200
