"""HTTP as it is on the wire: bodies, sizes, methods, and connections that are kept."""

from __future__ import annotations

import json

import pytest
from support.line import Line, chunked, head

REGISTER = "/api/visitor/register"
LARGEST = 16 * 1024


@pytest.fixture(scope="module")
def shared_server(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database).start()


@pytest.fixture
def line(shared_server):
    with Line(shared_server.port) as line:
        yield line


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


def test_chunked_body_is_read_whole(line, shared_server):
    before = shared_server.stats().total
    body = chunked(b'{"visitor', b'Id": "kar', b'im"}')
    answer = line.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), body).answer()
    assert (answer.status, answer.json["visit"]["ordinal"]) == (200, before + 1)
    assert line.ask("GET", "/healthz").status == 200


def test_body_that_arrives_byte_by_byte_is_read_whole(line):
    body = b'{"visitorId": "karim"}'
    request = head("POST", REGISTER, length(body)) + body
    answer = line.send(*(bytes([byte]) for byte in request)).answer()
    assert answer.status == 200


def test_16_kb_are_taken_and_one_byte_more_is_not(line, shared_server):
    largest, larger = body_of(LARGEST), body_of(LARGEST + 1)
    assert line.send(head("POST", REGISTER, length(largest)), largest).answer().status == 200
    before = shared_server.stats().total
    assert_too_large(line.send(head("POST", REGISTER, length(larger)), larger).answer())
    assert shared_server.stats().total == before
    assert_usable_or_closed(line)


@pytest.mark.parametrize("size", [LARGEST, 10 * LARGEST])
def test_chunked_body_over_16_kb_is_refused(line, shared_server, size):
    """However its excess looks: cut off, this one would still be valid."""
    before = shared_server.stats().total
    padded = b'{"visitorId": "karim"}' + b" " * size
    pieces = chunked(*(padded[at : at + 4096] for at in range(0, len(padded), 4096)))
    assert_too_large(line.send(head("POST", REGISTER, "Transfer-Encoding: chunked"), pieces).answer())
    assert shared_server.stats().total == before
    assert_usable_or_closed(line)


def test_announced_size_over_16_kb_is_refused_before_it_is_sent(line):
    """A client that asks first (Expect: 100-continue) need not send what will be refused."""
    assert_too_large(line.send(head("POST", REGISTER, "Content-Length: 1000000", "Expect: 100-continue")).answer())


def test_head_says_what_get_would_without_a_body(line):
    got, asked = line.ask("GET", "/api/stats"), line.ask("HEAD", "/api/stats")
    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["Content-Length"] == str(len(got.body))
    assert asked.headers["ETag"] == got.headers["ETag"]
    assert line.ask("GET", "/api/stats").json == got.json


def test_304_keeps_the_connection_in_step(line):
    tag = line.ask("GET", "/api/stats").headers["ETag"]
    unchanged = line.ask("GET", "/api/stats", f"If-None-Match: {tag}")
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", tag)
    assert line.ask("GET", "/api/stats").status == 200


@pytest.mark.parametrize("path", [REGISTER, f"{REGISTER}/", "/api/stats", "/api/stats/"])
def test_preflight_is_answered_for_any_origin_without_a_redirect(line, path):
    asks = ("Origin: https://koyjabo.example", "Access-Control-Request-Method: POST")
    answer = line.ask("OPTIONS", path, *asks, "Access-Control-Request-Headers: content-type, idempotency-key")
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert "content-type" in allowed
    assert "idempotency-key" in allowed
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert line.ask("GET", "/healthz").status == 200


def test_both_spellings_of_a_path_answer_without_a_redirect(shared_server):
    for path in ("/api/stats", "/healthz", "/readyz", "/openapi.json"):
        for spelling in (path, f"{path}/"):
            assert shared_server.get(spelling, allow_redirects=False).status_code == 200, spelling
    for spelling in (REGISTER, f"{REGISTER}/"):
        told = shared_server.post(spelling, json={"visitorId": "karim"}, allow_redirects=False)
        assert told.status_code == 200, spelling


def test_one_connection_serves_many_requests(line):
    for number in range(50):
        answer = line.send_visit("karim", f"kept-{number}").answer()
        assert answer.status == 200
        assert answer.headers["Connection"] != "close"
    assert line.ask("POST", "/api/visitor/heartbeat", "Content-Length: 0").status in (400, 415)
    assert line.ask("GET", "/nowhere").json["code"] == "not_found"
    assert line.ask("DELETE", "/api/stats").json["code"] == "method_not_allowed"
    assert line.ask("GET", "/api/stats").status == 200


def test_broken_http_is_answered_and_harms_nobody(shared_server):
    for nonsense in (b"\x16\x03\x01\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with Line(shared_server.port) as line:
            line.send(nonsense)
    assert shared_server.get("/healthz").ok
    assert "Traceback" not in shared_server.log
    assert "127.0.0.1" not in shared_server.log, "an address in the log"


def test_client_that_goes_away_before_its_answer_harms_nobody(shared_server):
    before = shared_server.stats().total
    with shared_server.database.locked():
        for _ in range(3):
            with Line(shared_server.port) as line:
                line.send_visit("hasty", "1")
            assert shared_server.get("/healthz").ok  # it came later, so that one has been read
    assert shared_server.register("hasty", visit="1").ordinal == before + 1
    assert "Traceback" not in shared_server.log


def test_answers_to_public_calls_are_open_to_any_origin_and_set_no_cookie(shared_server):
    for answer in (shared_server.get("/api/stats"), shared_server.post_visit("karim"), shared_server.post_visit("")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert "Set-Cookie" not in answer.headers


def test_requests_leave_no_line_in_the_log(shared_server):
    before = shared_server.log
    for _ in range(3):
        shared_server.register("karim", referrer="https://example.org/?token=secret")
        shared_server.get("/api/stats?token=secret")
    assert shared_server.log == before
