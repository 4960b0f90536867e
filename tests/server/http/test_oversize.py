"""Whatever is too big, too deep, too many, or packed: refused in little time and memory, and the next one is served."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from support.changed_server import changed_server
from support.line import Line, chunked, head
from support.processes import open_sockets

REGISTER = "/api/visitor/register"
LOGIN = "/api/auth/login"
KB = 1024
BOMB = gzip.compress(b" " * 15_000_000 + b"{}")
MOST_GROWTH_KB = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def line(server):
    with Line(server.port) as line:
        yield line


@pytest.fixture(autouse=True)
def nothing_is_left(server):
    """Nothing is counted, and neither memory nor sockets are gone."""
    before = server.stats().total
    sockets, memory_kb = open_sockets(server.worker), server.resident() // KB
    yield
    assert server.stats().total == before
    assert open_sockets(server.worker) <= sockets + 2  # one of the test before, and one of this
    assert server.resident() // KB - memory_kb < MOST_GROWTH_KB
    assert "Traceback" not in server.log


def post(path: str, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    lines = head("POST", path, f"Content-Length: {len(body)}", *headers)
    return lines.replace(b"application/json", kind.encode(), 1) + body


PACKED = {
    "gzip": ("gzip", BOMB),
    "gzip in gzip": ("gzip, gzip", gzip.compress(BOMB)),
    "deflate": ("deflate", zlib.compress(b" " * 15_000_000)),
    "br": ("br", b"\x8b\x01\x80"),
    "zstd": ("zstd", b"\x28\xb5\x2f\xfd"),
    "capitals": ("GZIP", BOMB),
}


@pytest.mark.parametrize("path", [REGISTER, pytest.param(LOGIN, marks=pytest.mark.long)])
@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=PACKED)
def test_nothing_is_unpacked(line, path, coding, body):
    answer = line.send(post(path, body, f"Content-Encoding: {coding}")).answer()
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert line.ask("GET", "/healthz").status == 200


def nested(depth: int, opening: str) -> bytes:
    return b'{"visitorId": ' + (opening * depth).encode()


BODIES = {
    "lists in lists": (400, nested(16_000, "[")),
    "objects in objects": (400, nested(3_000, '{"a":')),
    "lists in lists that end": (400, b'{"visitorId": ' + b"[" * 7_000 + b"]" * 7_000 + b"}"),
    "a number of many digits": (400, b'{"visitorId": ' + b"9" * 16_000 + b"}"),
    "digits in a text": (400, b'{"visitorId": "a", "timestamp": "' + b"9" * 16_000 + b'"}'),
    "a number that is none": (400, b'{"visitorId": NaN}'),
    "an exponent": (400, b'{"visitorId": "a", "timestamp": 1e999}'),
    "a name of 16,000 characters": (400, json.dumps({"visitorId": "x" * 16_000}).encode()),
    "too long by a byte": (413, b'{"visitorId": "a", "page": "' + b"x" * (16 * KB - 29) + b'"}'),
    "100,000 lists in lists": (413, nested(100_000, "[")),
    "10 MB": (413, b'{"visitorId": "a", "page": "' + b"x" * 10_000_000 + b'"}'),
}


@pytest.mark.parametrize(("status", "body"), BODIES.values(), ids=BODIES)
def test_body_that_cannot_be_used_is_refused(server, status, body):
    with Line(server.port) as line:
        line.send(head("POST", REGISTER, f"Content-Length: {len(body)}"))
        try:
            line.send(body)
        except ConnectionError:
            assert status == 413, "it was not read to its end"
            return
        try:
            answer = line.answer()
        except ConnectionError:
            assert status == 413
            return
    assert (answer.status, list(answer.json)) == (status, ["error", "code", "details"])


ANNOUNCED = {
    "a length that is never sent": f"Content-Length: {10**15}",
    "one that waits to be asked": f"Content-Length: {10**15}\r\nExpect: 100-continue",
}


@pytest.mark.parametrize("headers", ANNOUNCED.values(), ids=ANNOUNCED)
def test_what_is_announced_to_be_too_much_is_not_waited_for(line, headers):
    assert line.send(head("POST", REGISTER, headers)).answer().status == 413


FORMS = {
    "many fields": ("application/x-www-form-urlencoded", b"a=&" * 5_000),
    "one field": ("application/x-www-form-urlencoded", b"email=" + b"%61" * 5_000),
    "many parts": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 290,
    ),
    "a part without end": ("multipart/form-data; boundary=b", b"--b\r\n" + b"X-A: b\r\n" * 1_500),
    "parts in parts": (
        "multipart/form-data; boundary=b",
        b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(250)),
    ),
    "files": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx\r\n' * 200,
    ),
    "a boundary that is everywhere": ("multipart/form-data; boundary=-", b"--" * 8_000),
    "too much of it": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' * 2_000,
    ),
}


@pytest.mark.parametrize(("kind", "body"), FORMS.values(), ids=FORMS)
def test_form_that_is_none_is_refused(line, kind, body):
    assert 400 <= line.send(post("/login", body, kind=kind)).answer().status < 500


@pytest.mark.parametrize(("kind", "body"), FORMS.values(), ids=FORMS)
def test_forms_register_nothing(line, kind, body):
    assert line.send(post(REGISTER, body, kind=kind)).answer().status in (413, 415)


REQUESTS = {
    "a long query": (414, head("GET", "/api/stats?" + "a&" * 5_000)),
    "a query of many names": (200, head("GET", "/api/stats?" + "a&" * 3_900)),
    "cookies": (431, head("GET", "/", "Cookie: " + "a=b; " * 2_000)),
    "cookies that are let through": (200, head("GET", "/", "Cookie: " + "a=b; " * 1_500)),
    "languages": (200, head("GET", "/", "Accept-Language: " + "bn-x,en;q=0.9," * 500)),
    "tags": (200, head("GET", "/api/stats", "If-None-Match: " + '"x", ' * 1_500)),
    "ranges": (200, head("GET", "/static/js/koyjabo.js", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(900)))),
    "addresses": (200, head("GET", "/api/stats", "X-Forwarded-For: " + "203.0.113.7, " * 600)),
    "a token": (401, head("GET", "/api/auth/me", "Authorization: Bearer " + "x." * 4_000)),
    "many headers": (431, head("GET", "/healthz", *(f"X-{n}: a" for n in range(10_000)))),
}


@pytest.mark.parametrize(("status", "request_"), REQUESTS.values(), ids=REQUESTS)
def test_request_of_many_things_costs_little(line, status, request_):
    answered = {200: (200, 206, 304, 416)}.get(status, (status,))
    assert line.send(request_).answer("GET").status in answered


ENDLESS = {
    "chunks": b"1\r\nx\r\n",
    "empty lines": b"\r\n",
    "extensions": b"1;" + b"a" * 4_000 + b"\r\nx\r\n",
    "one extension": b"1;" + b"a" * 4_000,
    "a length of many digits": b"0" * 4_000,
    "trailers": b"0\r\n" + b"X-A: b\r\n" * 100,
    "one trailer": b"0\r\nX-A: " + b"b" * 4_000,
}


@pytest.mark.parametrize("path", [pytest.param(REGISTER, marks=pytest.mark.long), "/nowhere"])
@pytest.mark.parametrize("piece", ENDLESS.values(), ids=ENDLESS)
def test_chunked_body_without_end_is_not_read_for_ever(server, path, piece):
    """Where the server only reads on, nobody else has their turn meanwhile."""
    with Line(server.port) as line, Line(server.port) as other:
        line.send(head("POST", path, "Transfer-Encoding: chunked"))
        with pytest.raises(ConnectionError):
            line.send(*[piece * (65_536 // len(piece))] * 1_000)
        assert other.ask("GET", "/healthz").status == 200


def test_chunks_with_extensions_and_trailers_are_read(line):
    body = b'5;name="value"\r\n{"vis\r\n0011\r\nitorId": "a b"}  \r\n0;x\r\nX-Trailer: a\r\n\r\n'
    answer = line.send(head("POST", REGISTER, "Transfer-Encoding: chunked") + body).answer()
    assert (answer.status, answer.json["code"]) == (400, "invalid_input")
    assert line.ask("GET", "/healthz").status == 200


def test_chunks_that_end_are_measured_together(line):
    body = chunked(*[b"x" * 100] * 200)
    assert line.send(head("POST", REGISTER, "Transfer-Encoding: chunked") + body).answer().status == 413


@pytest.mark.parametrize("size", [5_000, 5_000_000])
def test_poll_of_socketio_that_brings_too_much_is_refused(server, size):
    with Line(server.port) as line:
        opened = line.ask("GET", "/socket.io/?EIO=4&transport=polling")
        sid = json.loads(opened.body[1:])["sid"]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        try:
            answer = line.send(post(path, b"4" * size, kind="text/plain")).answer()
        except ConnectionError:
            return
    assert 400 <= answer.status < 500
