"""Requests and handshakes with bytes missing, added or changed get an HTTP response or a close."""

import json
import socket
from collections.abc import Iterator

import h11
import pytest
from hypothesis import given, strategies as st
from support.clients.connection import chunked, head
from support.clients.unaffected_clients import UnaffectedClients, unaffected_clients
from support.clients.websocket import SOCKETIO, say, take_frame, upgrade
from support.programs.patience import PATIENCE_S
from support.runs.fuzz_effort import effort

REGISTER = "/api/visitor/register"
BODY = json.dumps({"visitorId": "ayesha"}).encode()
COMMUNITY = "/ws/communities/1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b/visitors/"
FORM = b"email=a%40b&password=%00&csrf_token="

REQUESTS = {  # valid requests
    "a visit": head("POST", REGISTER, f"Content-Length: {len(BODY)}") + BODY,
    "a visit in chunks": head("POST", REGISTER, "Transfer-Encoding: chunked") + chunked(BODY[:5], BODY[5:]),
    "the numbers": head("GET", "/api/stats", 'If-None-Match: W/"x", "y"', "Accept-Encoding: gzip;q=0.5"),
    "a page": head(
        "GET", "/login?next=%2F", "Cookie: access_token_cookie=a.b.c; lang=bn", "Accept-Language: bn,en;q=0"
    ),
    "a form": head("POST", "/login", f"Content-Length: {len(FORM)}").replace(
        b"application/json", b"application/x-www-form-urlencoded"
    )
    + FORM,
    "a call with a token": head("GET", "/api/auth/me", "Authorization: Bearer a.b.c", "X-Forwarded-For: 203.0.113.7"),
    "a handshake": upgrade("/?visitorId=ayesha") + say(type="ping"),
    "a handshake of a community": upgrade(COMMUNITY, "Sec-WebSocket-Protocol: Authorization, a.b.c"),
    "a handshake of Socket.IO": upgrade(SOCKETIO),
    "a poll": head("GET", "/socket.io/?EIO=4&transport=polling&sid=x", "Origin: http://localhost"),
}
PARTS = [b"\r\n", b"\n", b"\r\n\r\n", b" ", b":", b",", b";", b"\0", b"\xff", b"%", b"%00", b"/", b"?", b"=", b'"',
         b"\t", b"9" * 20, b"-1", b"0x10", b"x" * 9000, b"Connection: close\r\n", b"Content-Length: 3\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Host: [\r\n", b"Upgrade: h2c\r\n",
         b"HTTP/1.0", b"HTTP/2.0", b"OPTIONS", "ঢাকা".encode()]  # fmt: skip

SOON_FORGOTTEN = {"socketio.ping_interval": 4, "socketio.ping_timeout": 3}
"""Settings that make the server quickly forget clients that poll only once. Other clients still have time to respond on
a busy machine.
"""


FAILURES = range(500, 600)
NOT_SERVED = {501, 505}  # Statuses that are not failures: the server does not support these versions and methods


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    data = bytearray(b"".join(draw(st.lists(st.sampled_from(list(REQUESTS.values())), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 3))):
        at, size = draw(st.integers(0, len(data))), draw(st.sampled_from([0, 0, 1, 1, 2, 8, 40]))
        data[at : at + size] = draw(st.sampled_from(PARTS) | st.binary(max_size=3) | st.just(bytes(data[at - 20 : at])))
    return bytes(data)


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[UnaffectedClients]:
    with unaffected_clients(tmp_path_factory.mktemp("server"), SOON_FORGOTTEN) as others:
        yield others


@pytest.fixture(autouse=True)
def unharmed(others: UnaffectedClients) -> Iterator[None]:
    yield
    others.assert_unharmed()


def test_a_mangled_request_gets_an_http_response_or_a_close(others):
    before = others.server.stats().total
    counted = 0

    @effort(150)
    @given(sent=mangled())
    def ask(sent: bytes) -> None:
        nonlocal counted
        counted += _assert_http(_exchange(others.server.port, sent))

    ask()
    for request in REQUESTS.values():
        for cut in {*range(0, len(request), 16), len(request)}:  # cut at many places
            counted += _assert_http(_exchange(others.server.port, request[:cut]))
    assert others.server.stats().total == before + counted


def _exchange(port: int, sent: bytes) -> bytes:
    """Everything the server sends to a client that has finished sending."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
        try:
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            while data := line.recv(65536):
                received += data
        except OSError:
            pass  # closed with unread data
    return bytes(received)


def _assert_http(received: bytes) -> int:
    """Assert that all of it is HTTP. Returns the number of new visits."""
    counted = 0
    while received:
        if received.startswith(b"HTTP/1.1 101 "):
            _assert_frames(received.partition(b"\r\n\r\n")[2])
            return counted
        status, body, received = _answer(received)
        assert status not in FAILURES or status in NOT_SERVED, body
        counted += b'"duplicate":false' in body
    return counted


def _answer(received: bytes) -> tuple[int, bytes, bytes]:
    """Status and body of the first response, and the bytes after it."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "localhost")]))
    client.send(h11.EndOfMessage())
    client.receive_data(received)
    client.receive_data(b"")
    status, body = 0, b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
    return status, body, client.trailing_data[0]


def _assert_frames(received: bytes) -> None:
    left = bytearray(received)
    while take_frame(left):
        pass
    assert not left
