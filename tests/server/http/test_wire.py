"""HTTP as it is on the wire: methods, paths, headers, and connections that are kept."""

from __future__ import annotations

from support.line import Line, head
from support.processes import wait_until
from support.websocket import upgrade

REGISTER = "/api/visitor/register"


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


def test_preflight_is_answered_for_any_origin_without_a_redirect(line):
    asks = ("Origin: https://koyjabo.example", "Access-Control-Request-Method: POST")
    for path in (REGISTER, f"{REGISTER}/", "/api/stats", "/api/stats/"):
        answer = line.ask("OPTIONS", path, *asks, "Access-Control-Request-Headers: content-type, idempotency-key")
        assert answer.status in (200, 204), path
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert {"content-type", "idempotency-key"} <= set(
            answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
        )
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert line.ask("GET", "/healthz").status == 200


def test_both_spellings_of_a_path_answer_without_a_redirect(sqlite_server):
    wait_until(lambda: sqlite_server.get("/readyz").ok, "it is not late any more")
    for path in ("/api/stats", "/healthz", "/readyz", "/openapi.json"):
        for spelling in (path, f"{path}/"):
            assert sqlite_server.get(spelling, allow_redirects=False).status_code == 200, spelling
    for spelling in (REGISTER, f"{REGISTER}/"):
        told = sqlite_server.post(spelling, json={"visitorId": "karim"}, allow_redirects=False)
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


def test_query_may_have_any_bytes_in_it(sqlite_server):
    for query in (b"\xff", "ঢাকা".encode(), "ঢাকা".encode()[:-1]):
        with Line(sqlite_server.port) as line:
            asked = head("GET", "/login?next=/").replace(b"next=/", b"next=/" + query)
            assert line.send(asked).answer("GET").status == 200
            handshake = upgrade("/?visitorId=x").replace(b"visitorId=x", b"visitorId=" + query)
            assert line.send(handshake).answer("GET").status == 101


def test_client_that_goes_away_before_its_answer_harms_nobody(sqlite_server):
    before = sqlite_server.stats().total
    with sqlite_server.database.locked():
        for _ in range(3):
            with Line(sqlite_server.port) as line:
                line.send_visit("hasty", "1")
            assert sqlite_server.get("/healthz").ok  # it came later, so that one has been read
    assert sqlite_server.register("hasty", visit="1").ordinal == before + 1
    assert "Traceback" not in sqlite_server.log


def test_answers_to_public_calls_are_open_to_any_origin_and_set_no_cookie(sqlite_server):
    for answer in (sqlite_server.get("/api/stats"), sqlite_server.post_visit("karim"), sqlite_server.post_visit("")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert "Set-Cookie" not in answer.headers


def test_requests_leave_no_line_in_the_log(sqlite_server):
    before = sqlite_server.log
    for _ in range(3):
        sqlite_server.register("karim", referrer="https://example.org/?token=secret")
        sqlite_server.get("/api/stats?token=secret")
    assert sqlite_server.log == before


def test_requests_that_are_sent_at_once_are_answered_one_after_the_other(line, sqlite_server):
    before = sqlite_server.stats().total
    requests = [visit_of("karim"), head("GET", "/api/stats"), visit_of("rahim"), head("GET", "/healthz")]
    first, stats, second, health = all_answers(line, b"".join(requests))
    assert f'"ordinal":{before + 1},'.encode() in first
    assert f'"totalVisitors":{before + 1},'.encode() in stats
    assert f'"ordinal":{before + 2},'.encode() in second
    assert health.endswith(b'{"status":"alive"}')
    with Line(sqlite_server.port) as other:
        assert [answer[:4] for answer in all_answers(other, head("GET", "/healthz") * 500)] == [b"200 "] * 500


def visit_of(visitor: str) -> bytes:
    body = b'{"visitorId": "%s"}' % visitor.encode()
    return head("POST", REGISTER, f"Content-Length: {len(body)}") + body


def all_answers(line: Line, requests: bytes) -> list[bytes]:
    """To requests that are sent at once; one more, that ends the connection, is sent after them."""
    line.send(requests + head("GET", "/nowhere", "Connection: close"))
    received = bytearray()
    while data := line._socket.recv(65536):
        received += data
    nothing, *answers, _ = received.split(b"HTTP/1.1 ")
    assert nothing == b""
    return [bytes(each) for each in answers]


def test_empty_lines_before_a_request_are_not_looked_at(line):
    """RFC 9112, 2.2."""
    assert line.send(b"\r\n\r\n" + head("GET", "/healthz")).answer("GET").status == 200
    assert line.send(b"\r\n" + head("GET", "/healthz")).answer("GET").status == 200


def test_old_client_that_keeps_its_connection_is_told_that_it_may(line):
    asked = head("GET", "/healthz", "Connection: keep-alive").replace(b"1.1", b"1.0")
    for _ in range(2):
        assert line.send(asked).answer("GET").headers["Connection"] == "keep-alive"


def test_connection_that_the_client_ends_is_closed(line):
    assert line.ask("GET", "/healthz", "Connection: close").headers["Connection"] == "close"
    assert line.is_closed()
