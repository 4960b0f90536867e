"""Requests that are too big, too deep, too many or compressed are refused quickly and with little memory."""

import gzip
import json
import zlib

import pytest
from support.clients.connection import Connection, head
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import changed_server

REGISTER = "/api/visitor/register"
LOGIN = "/api/auth/login"
BOMB = gzip.compress(b" " * 15_000_000 + b"{}")
MAX_GROWTH = 1_000_000
"""Bytes that a worker may still hold after all requests of a test."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server")) as server:
        server.resident()  # load now what would be loaded later
        server.get("/")
        yield server


@pytest.fixture
def connection(server):
    with Connection(server.port) as connection:
        yield connection


@pytest.fixture(autouse=True)
def nothing_is_left(server):
    """Assert after each test that nothing was counted and no memory or sockets were leaked."""
    before, sockets, memory = server.stats().total, open_sockets(server.worker), server.allocated()
    yield
    assert server.stats().total == before
    wait_until(lambda: open_sockets(server.worker) <= sockets, "its sockets are closed")
    assert server.allocated() - memory < MAX_GROWTH
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


def test_nothing_is_unpacked(connection):
    for path in (REGISTER, LOGIN):
        for what, (coding, body) in PACKED.items():
            answer = connection.send(post(path, body, f"Content-Encoding: {coding}")).answer()
            assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type"), what
    assert connection.ask("GET", "/healthz").status == 200


def nested(depth: int, opening: str) -> bytes:
    return b'{"visitorId": ' + (opening * depth).encode()


BODIES = {
    "lists in lists": nested(16_000, "["),
    "objects in objects": nested(3_000, '{"a":'),
    "lists in lists that end": b'{"visitorId": ' + b"[" * 7_000 + b"]" * 7_000 + b"}",
    "a number of many digits": b'{"visitorId": ' + b"9" * 16_000 + b"}",
    "digits in a text": b'{"visitorId": "a", "timestamp": "' + b"9" * 16_000 + b'"}',
    "a number that is none": b'{"visitorId": NaN}',
    "an exponent": b'{"visitorId": "a", "timestamp": 1e999}',
    "a name of 16,000 characters": json.dumps({"visitorId": "x" * 16_000}).encode(),
}


def test_body_that_cannot_be_used_is_refused(server):
    for what, body in BODIES.items():
        with Connection(server.port) as connection:
            answer = connection.send(post(REGISTER, body)).answer()
        assert (answer.status, list(answer.json)) == (400, ["error", "code", "details"]), what


URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="a"'
INNER = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
FORMS = {
    "many fields": (URLENCODED, b"a=&" * 5_000),
    "one field": (URLENCODED, b"email=" + b"%61" * 5_000),
    "many parts": (MULTIPART, (PART + b"\r\n\r\n\r\n") * 290),
    "a part without end": (MULTIPART, b"--b\r\n" + b"X-A: b\r\n" * 1_500),
    "parts in parts": (MULTIPART, b"".join(INNER % (n, n + 1) for n in range(250))),
    "files": (MULTIPART, (PART + b'; filename="a"\r\n\r\nx\r\n') * 200),
    "a boundary that is everywhere": ("multipart/form-data; boundary=-", b"--" * 8_000),
    "too much of it": (MULTIPART, (PART + b"\r\n\r\n") * 2_000),
}


def test_invalid_form_is_refused_and_registers_nothing(server):
    for what, (kind, body) in FORMS.items():
        with Connection(server.port) as connection:
            assert connection.send(post("/login", body, kind=kind)).answer().status in (400, 413, 422), what
            assert connection.send(post(REGISTER, body, kind=kind)).answer().status in (413, 415), what


REQUESTS = {
    "a query of many names": (200, head("GET", "/api/stats?" + "a&" * 3_900)),
    "100 headers": (200, head("GET", "/healthz", *["X: a"] * 98)),
    "cookies": (200, head("GET", "/", "Cookie: " + "a=b; " * 1_500)),
    "languages": (200, head("GET", "/", "Accept-Language: " + "bn-x,en;q=0.9," * 500)),
    "tags": (200, head("GET", "/api/stats", "If-None-Match: " + '"x", ' * 1_500)),
    "ranges": (200, head("GET", "/static/js/koyjabo.js", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(900)))),
    "addresses": (200, head("GET", "/api/stats", "X-Forwarded-For: " + "203.0.113.7, " * 600)),
    "a token": (401, head("GET", "/api/auth/me", "Authorization: Bearer " + "x." * 4_000)),
}


def test_request_of_many_things_costs_little(server):
    for what, (status, request) in REQUESTS.items():
        with Connection(server.port) as connection:
            assert connection.send(request).answer("GET").status == status, what


ENDLESS = {
    "chunks": b"1\r\nx\r\n",
    "empty lines": b"\r\n",
    "extensions": b"1;" + b"a" * 4_000 + b"\r\nx\r\n",
    "one extension": b"1;" + b"a" * 4_000,
    "a length of many digits": b"0" * 4_000,
    "trailers": b"0\r\n" + b"X-A: b\r\n" * 100,
    "one trailer": b"0\r\nX-A: " + b"b" * 4_000,
}


@pytest.mark.parametrize("path", ["/nowhere", REGISTER])
def test_chunked_body_without_end_is_not_read_for_ever(server, path):
    """While the server only reads, other clients must still be served."""
    with Connection(server.port) as other:
        for piece in ENDLESS.values():
            with Connection(server.port) as connection:
                connection.send(head("POST", path, "Transfer-Encoding: chunked"))
                with pytest.raises(ConnectionError):
                    connection.send(*[piece * (65_536 // len(piece))] * 1_000)
                assert other.ask("GET", "/healthz").status == 200
