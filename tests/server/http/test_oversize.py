"""Requests that are too big, too deep, too many or compressed are refused quickly and with little memory."""

import gzip
import json
from functools import partial

import pytest
from support.clients.connection import Connection, head
from support.programs.processes import open_sockets, wait_until
from support.servers.changed_server import changed_server

REGISTER = "/api/visitor/register"
BOMB = gzip.compress(b" " * 15_000_000 + b"{}")
MAX_GROWTH = 1_000_000  # bytes that a worker may still hold after all requests of a test


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with changed_server(tmp_path_factory.mktemp("server")) as server:
        server.resident()  # load now what would be loaded later
        server.get("/")
        yield server


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


def coded(coding: str, body: bytes) -> bytes:
    return post(REGISTER, body, f"Content-Encoding: {coding}")


visit = partial(post, REGISTER)
form = partial(post, "/login", kind="application/x-www-form-urlencoded")
parts = partial(post, "/login", kind="multipart/form-data; boundary=b")
PART = b'--b\r\nContent-Disposition: form-data; name="a"'
INNER = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"
COSTLY = {  # requests that would take much memory or time if the server did their work, and the statuses they may get
    "gzip": ({415}, coded("gzip", BOMB)),
    "gzip in gzip": ({415}, coded("gzip, gzip", gzip.compress(BOMB))),
    "br in capitals": ({415}, coded("BR", b"\x8b\x01\x80")),
    "lists in lists": ({400}, visit(b'{"visitorId": ' + b"[" * 16_000)),
    "objects in objects": ({400}, visit(b'{"visitorId": ' + b'{"a":' * 3_000)),
    "a number of many digits": ({400}, visit(b'{"visitorId": ' + b"9" * 16_000 + b"}")),
    "digits in a text": ({400}, visit(b'{"visitorId": "a", "timestamp": "' + b"9" * 16_000 + b'"}')),
    "an exponent": ({400}, visit(b'{"visitorId": "a", "timestamp": 1e999}')),
    "a name of 16,000 characters": ({400}, visit(json.dumps({"visitorId": "x" * 16_000}).encode())),
    "many fields": ({400, 413, 422}, form(b"a=&" * 5_000)),
    "one field": ({400, 413, 422}, form(b"email=" + b"%61" * 5_000)),
    "many parts": ({400, 413, 422}, parts((PART + b"\r\n\r\n\r\n") * 290)),
    "a part without end": ({400, 413, 422}, parts(b"--b\r\n" + b"X-A: b\r\n" * 1_500)),
    "parts in parts": ({400, 413, 422}, parts(b"".join(INNER % (n, n + 1) for n in range(250)))),
    "files": ({400, 413, 422}, parts((PART + b'; filename="a"\r\n\r\nx\r\n') * 200)),
    "a visit in parts": ({415}, post(REGISTER, PART, kind="multipart/form-data; boundary=b")),
    "a query of many names": ({200}, head("GET", "/api/stats?" + "a&" * 3_900)),
    "cookies": ({200}, head("GET", "/", "Cookie: " + "a=b; " * 1_500)),
    "languages": ({200}, head("GET", "/", "Accept-Language: " + "bn-x,en;q=0.9," * 500)),
    "tags": ({200}, head("GET", "/api/stats", "If-None-Match: " + '"x", ' * 1_500)),
    "ranges": ({200}, head("GET", "/static/js/koyjabo.js", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(900)))),
    "addresses": ({200}, head("GET", "/api/stats", "X-Forwarded-For: " + "203.0.113.7, " * 600)),
    "a token": ({401}, head("GET", "/api/auth/me", "Authorization: Bearer " + "x." * 4_000)),
}


def test_a_request_that_would_cost_much_is_refused_or_costs_little(server):
    for what, (statuses, request) in COSTLY.items():
        with Connection(server.port) as connection:
            assert connection.send(request).answer().status in statuses, what


ENDLESS = {
    "chunks": b"1\r\nx\r\n",
    "empty lines": b"\r\n",
    "extensions": b"1;" + b"a" * 4_000 + b"\r\nx\r\n",
    "one extension": b"1;" + b"a" * 4_000,
    "a length of many digits": b"0" * 4_000,
    "trailers": b"0\r\n" + b"X-A: b\r\n" * 100,
    "one trailer": b"0\r\nX-A: " + b"b" * 4_000,
}


def test_a_chunked_body_without_an_end_is_cut_off_while_other_clients_are_served(server):
    with Connection(server.port) as other:
        for path, piece in zip(("/nowhere", *[REGISTER] * 6), ENDLESS.values(), strict=True):
            with Connection(server.port) as connection:
                connection.send(head("POST", path, "Transfer-Encoding: chunked"))
                with pytest.raises(ConnectionError):
                    connection.send(*[piece * (65_536 // len(piece))] * 1_000)
                assert other.ask("GET", "/healthz").status == 200
