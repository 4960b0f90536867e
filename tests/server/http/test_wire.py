"""HTTP on the wire: methods, paths, headers, kept connections, and HTTP that is invalid or ambiguous."""

import json

from support.clients.connection import Connection, chunked, head

from koyjabo.base.network.client_address import SENTENCE

REGISTER = "/api/visitor/register"


def test_a_head_request_returns_the_headers_of_get_without_a_body(connection):
    got, asked = connection.ask("GET", "/api/stats"), connection.ask("HEAD", "/api/stats")
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["Content-Length"] == str(len(got.body))
    assert asked.headers["ETag"] == got.headers["ETag"]
    assert connection.ask("GET", "/api/stats").json == got.json


def test_one_connection_serves_many_requests(connection):
    for number in range(50):
        answer = connection.send_visit("karim", f"kept-{number}").answer()
        assert answer.status == 200
        assert answer.headers["Connection"] != "close"
    assert connection.ask("POST", "/api/visitor/heartbeat", "Content-Length: 0").status in (400, 415)
    assert connection.ask("GET", "/nowhere").json["code"] == "not_found"
    assert connection.ask("DELETE", "/api/stats").json["code"] == "method_not_allowed"
    asked = head("GET", "/healthz", "Connection: keep-alive").replace(b"1.1", b"1.0")
    assert connection.send(asked).answer("GET").headers["Connection"] == "keep-alive", "an old client sees that it may"
    assert connection.send(b"\r\n\r\n" + head("GET", "/healthz")).answer("GET").status == 200, "RFC 9112, 2.2"
    assert connection.ask("GET", "/healthz", "Connection: close").headers["Connection"] == "close"
    assert connection.is_closed()


def test_a_client_of_another_protocol_is_refused_at_its_first_byte(connection, sqlite_server):
    """TLS is refused by its first record, without waiting for a line."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
    for first in (hello, b"\x00", b"\r\n\r\n\x00\r\nQUIT\n", b"{", bytes(40_000)):
        with Connection(sqlite_server.port) as other:
            answer = other.send(first).answer("GET")
            assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain"), first[:8]
            assert (b"plain HTTP" in answer.body, answer.headers["Cache-Control"]) == (True, "no-store")
            assert other.is_closed()
    assert connection.ask("GET", "/healthz").status == 200
    assert connection.send(hello).answer("GET").status == 400
    assert connection.is_closed()


def test_an_absolute_target_is_accepted_and_its_authority_replaces_host(connection):
    """Forwarding clients send it (RFC 9112, 3.2.2)."""
    for target, status in {
        "http://live.example.com/healthz": 200,
        "HTTP://live.example.com:8080/healthz?a=b": 200,
        "https://[2001:db8::1]/api/stats": 200,
        "http://live.example.com": 200,
        "http://live.example.com?utm_source=a": 200,
        "http://live.example.com//nowhere": 404,
    }.items():
        assert connection.ask("GET", target).status == status, target
    page = connection.ask("GET", "http://live.example.com:8080").body
    assert b'<meta property="og:image" content="http://live.example.com:8080/card.png?' in page
    old = head("GET", "http://live.example.com").replace(b"1.1", b"1.0").replace(b"Host: localhost\r\n", b"")
    assert b'content="http://live.example.com/card.png?' in connection.send(old).answer("GET").body


def test_a_client_that_leaves_before_its_response_disturbs_no_other_client(sqlite_server):
    before = sqlite_server.stats().total
    with sqlite_server.database.locked():
        for _ in range(3):
            with Connection(sqlite_server.port) as connection:
                connection.send_visit("hasty", "1")
            assert sqlite_server.get("/healthz").ok  # sent later, so the other request was read by then
    assert sqlite_server.register("hasty", visit="1").ordinal == before + 1
    assert "Traceback" not in sqlite_server.log


def test_pipelined_requests_get_their_responses_in_order(connection, sqlite_server):
    before = sqlite_server.stats().total
    requests = [visit_of("karim"), head("GET", "/api/stats"), visit_of("rahim"), head("GET", "/healthz")]
    first, stats, second, health = all_answers(connection, b"".join(requests))
    assert f'"ordinal":{before + 1},'.encode() in first
    assert f'"totalVisitors":{before + 1},'.encode() in stats
    assert f'"ordinal":{before + 2},'.encode() in second
    assert health.endswith(b'{"status":"alive"}')
    with Connection(sqlite_server.port) as other:
        assert [answer[:4] for answer in all_answers(other, head("GET", "/healthz") * 500)] == [b"200 "] * 500


def visit_of(visitor: str) -> bytes:
    return visit(b'{"visitorId": "%s"}' % visitor.encode())


def visit(body: bytes) -> bytes:
    return head("POST", REGISTER, f"Content-Length: {len(body)}") + body


def all_answers(connection: Connection, requests: bytes) -> list[bytes]:
    """Send pipelined requests, followed by one that ends the connection, and return the responses."""
    connection.send(requests + head("GET", "/nowhere", "Connection: close"))
    received = bytearray()
    while data := connection.socket.recv(65536):
        received += data
    nothing, *answers, _ = received.split(b"HTTP/1.1 ")
    assert nothing == b""
    return [bytes(answer) for answer in answers]


# Bodies: in chunks, in small pieces, and too large.

LARGEST = 16 * 1024


def body_of(size: int) -> bytes:
    written = json.dumps({"visitorId": "karim", "page": ""}).encode()
    return written.replace(b'""', b'"' + b"x" * (size - len(written)) + b'"')


def assert_too_large(answer) -> None:
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_chunked_body_is_read_whole(connection, sqlite_server):
    before = sqlite_server.stats().total
    body = chunked(b'{"visitor', b'Id": "kar', b'im"}')
    answer = connection.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), body).answer()
    assert (answer.status, answer.json["visit"]["ordinal"]) == (200, before + 1)
    closing = body[:-2] + b"Connection: close\r\n\r\n"  # as a trailer
    answer = connection.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), closing).answer()
    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    with Connection(sqlite_server.port) as other:
        assert other.ask("GET", "/healthz").status == 200


def test_a_body_of_16_kb_is_accepted_and_one_more_byte_gets_413(connection, sqlite_server):
    """The sizes of chunks are added up. Cut off at the limit, the chunked body would still be valid."""
    assert connection.send(visit(body_of(LARGEST))).answer().status == 200
    before = sqlite_server.stats().total
    padded = b'{"visitorId": "karim"}' + b" " * LARGEST
    pieces = chunked(*(padded[at : at + 100] for at in range(0, len(padded), 100)))
    for sent in (visit(body_of(LARGEST + 1)), head("POST", REGISTER, "Transfer-Encoding: chunked") + pieces):
        with Connection(sqlite_server.port) as other:
            assert_too_large(other.send(sent).answer())
            try:  # unread parts must not be taken for a request
                assert other.ask("GET", "/healthz").json == {"status": "alive"}
            except (ConnectionError, OSError):
                assert other.is_closed()
    assert sqlite_server.stats().total == before


def test_a_client_that_sends_expect_gets_100_continue_or_an_early_refusal(sqlite_server):
    """RFC 9110, 10.1.1. A client need not send a body that will be refused."""
    with Connection(sqlite_server.port) as connection:
        body = body_of(100)
        connection.send(head("POST", REGISTER, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert connection.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.send(body).answer().status == 200
        assert connection.ask("GET", "/healthz").status == 200
        too_long = head("POST", REGISTER, f"Content-Length: {10**15}", "Expect: 100-continue")
        assert_too_large(connection.send(too_long).answer())


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
    "a negative length": (400, head("POST", REGISTER, "Content-Length: -1")),
    "two lengths": (400, head("POST", REGISTER, "Content-Length: 0", "Content-Length: 5")),
    "a header with a NUL": (400, head("GET", "/healthz", "Origin: http://a\0b")),
    "a header that goes on in the next line": (400, head("GET", "/healthz", "Origin: http://a\r\n b")),
    "a length and chunks": (501, head("POST", REGISTER, "Content-Length: 5", CHUNKED) + b"0\r\n\r\n"),
    "chunks and compression": (501, head("POST", REGISTER, "Transfer-Encoding: gzip, chunked")),
    "two hosts": (400, head("GET", "/healthz", "Host: other")),
    "no host": (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
    "a target with a user name": (400, head("GET", "http://a@localhost/healthz")),
    "a target of another protocol": (400, head("GET", "ftp://localhost/healthz")),
    "an absolute target and no host": (400, b"GET http://localhost/healthz HTTP/1.1\r\n\r\n"),
    "a version that is none": (400, head("GET", "/healthz").replace(b"1.1", b"1.10")),
    "a version to come": (505, head("GET", "/healthz").replace(b"1.1", b"2.0")),
    "a version of the past": (505, b"GET /healthz\r\n\r\n"),
    "two spaces before a path": (400, head("GET", " /healthz")),
    "chunks in an old version": (400, head("GET", "/healthz", CHUNKED).replace(b"1.1", b"1.0") + b"0\r\n\r\n"),
    "half an end of lines": (400, head("GET", "/healthz").replace(b"\r\n", b"\n")),
}

BROKEN_CHUNKS = {
    "a size with a prefix": b"0x19\r\n%s\r\n0\r\n\r\n",
    "a size with a sign": b"+19\r\n%s\r\n0\r\n\r\n",
    "a size after a vertical tab": b"\x0b19\r\n%s\r\n0\r\n\r\n",
    "a size that is none": b"zz\r\n%s\r\n0\r\n\r\n",
    "an end with a sign": b"19\r\n%s\r\n-0\r\n\r\n",
    "half an end of a size": b"19\n%s\r\n0\r\n\r\n",
    "half an end of a chunk": b"19\r\n%s\n0\r\n\r\n",
    "something after a chunk": b"19\r\n%sJUNKJUNK\r\n0\r\n\r\n",
    "a size in the place of an end": b"19\r\n%s5\r\n0\r\n\r\n",
    "a length in a trailer": b"19\r\n%s\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a trailer that is none": b"19\r\n%s\r\n0\r\nnonsense\r\n\r\n",
}
BROKEN |= {what: (400, head("POST", REGISTER, CHUNKED) + body % BODY) for what, body in BROKEN_CHUNKS.items()}


def test_a_broken_request_is_refused_and_its_connection_is_closed(sqlite_server):
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
    assert "127.0.0.1" not in sqlite_server.log.replace(SENTENCE % "127.0.0.1", ""), "an address in the log"


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


def test_data_after_a_request_whose_end_is_ambiguous_is_not_read(sqlite_server):
    before = sqlite_server.stats().total
    for what, request in AMBIGUOUS.items():
        with Connection(sqlite_server.port) as connection:
            connection.send(request + SMUGGLED).answer()
            connection.is_closed()  # or answers the smuggled request
        assert sqlite_server.stats().total == before, what
