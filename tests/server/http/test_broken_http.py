"""Invalid or ambiguous HTTP gets the usual error, and nothing after it is read."""

from __future__ import annotations

from support.clients.connection import Connection, head

from koyjabo.base.network.client_address import SENTENCE

REGISTER = "/api/visitor/register"
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
BODY = b'{"visitorId": "smuggler"}'
SMUGGLED = head("POST", REGISTER, f"Content-Length: {len(BODY)}", "Connection: close") + BODY
CHUNKED = "Transfer-Encoding: chunked"

BROKEN = {
    "too long a path": (414, head("GET", "/" + "x" * 9000)),
    "too long a header": (431, head("GET", "/healthz", "X-Long: " + "x" * 9000)),
    "too many headers": (431, head("GET", "/healthz", *(f"X-{n}: {'x' * 4000}" for n in range(20)))),
    "101 headers": (431, head("GET", "/healthz", *["X: a"] * 99)),
    "100 trailers": (431, head("POST", REGISTER, CHUNKED) + b"0\r\n" + b"X: a\r\n" * 100 + b"\r\n"),
    "a length that is no number": (400, head("POST", REGISTER, "Content-Length: x")),
    "a length that is signed": (400, head("POST", REGISTER, "Content-Length: +0")),
    "a negative length": (400, head("POST", REGISTER, "Content-Length: -1")),
    "two lengths": (400, head("POST", REGISTER, "Content-Length: 0", "Content-Length: 5")),
    "two lengths in one header": (400, head("POST", REGISTER, "Content-Length: 0, 5")),
    "a header with a NUL": (400, head("GET", "/healthz", "Origin: http://a\0b")),
    "a header with half an end": (400, head("GET", "/healthz", "Origin: http://a\rSet-Cookie: b")),
    "a header that goes on in the next line": (400, head("GET", "/healthz", "Origin: http://a\r\n b")),
    "a length and chunks": (501, head("POST", REGISTER, "Content-Length: 5", CHUNKED) + b"0\r\n\r\n"),
    "chunks and compression": (501, head("POST", REGISTER, "Transfer-Encoding: gzip, chunked")),
    "a coding that codes nothing": (501, head("POST", REGISTER, "Transfer-Encoding: identity")),
    "the beginning of TLS": (400, b"\x16\x03\x01\x00\xff\r\n\r\n"),
    "no path": (400, b"GET\r\n\r\n"),
    "two hosts": (400, head("GET", "/healthz", "Host: other")),
    "no host": (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
    "a target with a user name": (400, head("GET", "http://a@localhost/healthz")),
    "a target without a host": (400, head("GET", "http:///healthz")),
    "a target of another protocol": (400, head("GET", "ftp://localhost/healthz")),
    "an absolute target and no host": (400, b"GET http://localhost/healthz HTTP/1.1\r\n\r\n"),
    "a version that is none": (400, head("GET", "/healthz").replace(b"1.1", b"1.10")),
    "a version of two digits": (400, head("GET", "/healthz").replace(b"1.1", b"01.1")),
    "a version to come": (505, head("GET", "/healthz").replace(b"1.1", b"2.0")),
    "a version of the past": (505, b"GET /healthz\r\n\r\n"),
    "two spaces before a path": (400, head("GET", " /healthz")),
    "two spaces after a path": (400, head("GET", "/healthz ")),
    "a vertical tab between words": (400, head("GET", "/healthz").replace(b" /", b"\x0b/")),
    "chunks in an old version": (400, head("GET", "/healthz", CHUNKED).replace(b"1.1", b"1.0") + b"0\r\n\r\n"),
    "a protocol for cameras": (400, head("GET", "/healthz").replace(b"HTTP/1.1", b"RTSP/1.0")),
    "half an end of lines": (400, head("GET", "/healthz").replace(b"\r\n", b"\n")),
}


def test_broken_request_is_refused_and_the_connection_closed(sqlite_server):
    before, statuses = sqlite_server.stats().total, {}
    for what, (_, request) in BROKEN.items():
        with Connection(sqlite_server.port) as connection:
            answer = connection.send(request + SMUGGLED).answer()
            statuses[what] = answer.status
            assert list(answer.json) == ["error", "code", "details"], what
            assert answer.headers["Content-Type"] == "application/json", what
            assert answer.headers["Access-Control-Allow-Origin"] == "*", what
            assert connection.is_closed(), what
    assert statuses == {what: status for what, (status, _) in BROKEN.items()}
    assert sqlite_server.stats().total == before, "what came after one was read as a request"
    assert "Traceback" not in sqlite_server.log
    assert "127.0.0.1" not in sqlite_server.log.replace(SENTENCE, ""), "an address in the log"


BROKEN_CHUNKS = {
    "a size with a prefix": b"0x19\r\n%s\r\n0\r\n\r\n",
    "a size with a sign": b"+19\r\n%s\r\n0\r\n\r\n",
    "a size with an underscore": b"0_19\r\n%s\r\n0\r\n\r\n",
    "a size in spaces": b" 19 \r\n%s\r\n0\r\n\r\n",
    "a size after a vertical tab": b"\x0b19\r\n%s\r\n0\r\n\r\n",
    "a size that is none": b"zz\r\n%s\r\n0\r\n\r\n",
    "an end with a sign": b"19\r\n%s\r\n-0\r\n\r\n",
    "an end with a prefix": b"19\r\n%s\r\n0x0\r\n\r\n",
    "a negative size": b"-1\r\n19\r\n%s\r\n0\r\n\r\n",
    "half an end of a size": b"19\n%s\r\n0\r\n\r\n",
    "half an end of a chunk": b"19\r\n%s\n0\r\n\r\n",
    "something after a chunk": b"19\r\n%sJUNKJUNK\r\n0\r\n\r\n",
    "a size in the place of an end": b"19\r\n%s5\r\n0\r\n\r\n",
    "a length in a trailer": b"19\r\n%s\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a coding in a trailer": b"19\r\n%s\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a trailer that is none": b"19\r\n%s\r\n0\r\nnonsense\r\n\r\n",
}


def test_broken_chunks_are_refused_and_the_connection_closed(sqlite_server):
    before = sqlite_server.stats().total
    for what, body in BROKEN_CHUNKS.items():
        with Connection(sqlite_server.port) as connection:
            answer = connection.send(head("POST", REGISTER, CHUNKED) + body % BODY + SMUGGLED).answer()
            assert (answer.status, answer.headers["Connection"]) == (400, "close"), what
            assert connection.is_closed(), what
    assert sqlite_server.stats().total == before


def form_head(*headers: str) -> bytes:
    """The head of a form sent in chunks."""
    return head("POST", "/login", *headers).replace(b"application/json", b"multipart/form-data; boundary=part")


AMBIGUOUS = {
    "two codings": head("POST", REGISTER, CHUNKED, "Transfer-Encoding: gzip"),
    "one coding twice": head("POST", REGISTER, CHUNKED, CHUNKED),
    "a space after a coding's name": head("POST", REGISTER, "Transfer-Encoding : chunked"),
    "a space after a length's name": head("POST", REGISTER, f"Content-Length : {len(SMUGGLED)}"),
    "a length after what is no header of a form": form_head("nonsense", f"Content-Length: {len(SMUGGLED)}"),
    "a length after what is no header": head("POST", REGISTER, "nonsense", f"Content-Length: {len(SMUGGLED)}"),
}


def test_nothing_is_read_after_a_request_whose_end_is_ambiguous(sqlite_server):
    before = sqlite_server.stats().total
    for what, request in AMBIGUOUS.items():
        with Connection(sqlite_server.port) as connection:
            connection.send(request + SMUGGLED).answer()
            connection.is_closed()  # or answers the smuggled request
        assert sqlite_server.stats().total == before, what


def test_body_that_is_refused_and_ends_soon_leaves_the_connection_usable(connection: Connection):
    assert connection.send(head("POST", "/nowhere", CHUNKED), CHUNK, b"0\r\n\r\n").answer().status == 404
    assert connection.ask("GET", "/healthz").status == 200


def test_form_that_is_sent_in_parts_is_served(connection: Connection):
    body = b'--part\r\nContent-Disposition: form-data; name="email"\r\n\r\nnobody\r\n--part--\r\n'
    answer = connection.send(form_head(f"Content-Length: {len(body)}") + body).answer()
    assert answer.status == 422
    assert b'value="nobody"' in answer.body
    assert connection.ask("GET", "/healthz").status == 200
