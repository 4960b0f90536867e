"""Requests are parsed the same however the network splits them, and responses are sent as HTTP requires."""

import gc
import json
import re
import sys
from contextlib import suppress
from http import HTTPStatus
from itertools import count

import pytest
from http_server import CLOSE, GET, all_of, answering, eventlet, served, serving, until
from support.clients.connection import chunked, head

from koyjabo.base.core.status_codes import STATUS_CODES, code_of
from koyjabo.server.http.body_limits import MAX_LARGER_BODIES, BodyLimits
from koyjabo.server.http.refused import Refused
from koyjabo.server.http.request_parser import RequestParser, wsgi_name

LARGEST_BODY = 100
RECEIVED = 65_536
H2C = ("Upgrade: h2c", "Connection: Upgrade")
CHUNKS = head("POST", "/", "Transfer-Encoding: chunked")
EMPTY_LINES = b"a\r\n\r\nb\r\n\r\n"
REQUESTS = {
    "without a body": head("GET", "/?a=b", "X-Long: " + "x" * 50),
    "with an empty one": head("POST", "/", "Content-Length: 0"),
    "with a body": head("POST", "/", "Content-Length: 10") + b"0123456789",
    "with empty lines in its body": head("POST", "/", f"Content-Length: {len(EMPTY_LINES)}") + EMPTY_LINES,
    "in chunks": CHUNKS + chunked(b"ab", EMPTY_LINES, b"c"),
    "in chunks that look like ends": CHUNKS + chunked(b"a\r\n0\r\n\r\n", b"0\r\n\r\n", b"\n", b"0"),
    "in a chunk that looks like sizes": CHUNKS + chunked(b"fff\r\n" * 4),
    "in chunks with trailers": CHUNKS + b"1;a=b\r\nx\r\n0\r\nX-A: b\r\n\r\n",
    "after empty lines": b"\r\n\r\n" + head("GET", "/"),
    "with bytes over 127": head("GET", "/").replace(b"/ ", b"/\xff?\xe0\xa6 ", 1),
    "with an absolute target": head("GET", "HTTP://example.com:8080/a?b=http://c"),
    "that asks for an upgrade": head("GET", "/", "Upgrade: websocket", "Connection: Upgrade"),
    "that asks for an upgrade with a body": head("POST", "/", *H2C, "Content-Length: 2") + b"ab",
    "that asks for an upgrade with chunks": head("POST", "/", *H2C, "Transfer-Encoding: chunked") + chunked(b"a", b"b"),
    "larger than is accepted": head("POST", "/", "Content-Length: 200") + b"x" * 200,
}


def read_all(pieces: list[bytes]) -> list[tuple]:
    """All requests in these pieces, as one connection reads them."""
    parser, requests = RequestParser(BodyLimits(LARGEST_BODY)), []
    for piece in pieces:
        while piece:
            piece = parser.feed(piece)
            if parser.is_complete:
                requests.append((parser.method, parser.url, parser.headers, parser.body[: LARGEST_BODY + 1]))
                parser.begin()
    return requests


def test_a_request_is_read_the_same_wherever_the_network_cuts_it():
    following = head("GET", "/next")
    for what, request in REQUESTS.items():
        whole = read_all([request])
        assert len(whole) == 1, what
        assert read_all([bytes([byte]) for byte in request]) == whole, what
        for cut in range(1, len(request)):
            assert read_all([request[:cut], request[cut:] + following]) == [*whole, *read_all([following])], (what, cut)


def test_a_worker_reads_32_large_bodies_at_once_and_only_on_their_paths():
    limits = BodyLimits(LARGEST_BODY, lambda path: 1000 if path == "/list" else LARGEST_BODY)
    parsers = [RequestParser(limits) for _ in range(MAX_LARGER_BODIES + 1)]
    for parser in parsers[:-1]:
        parser.feed(head("POST", "/list?page=1", "Content-Length: 1000") + b"x" * 999)
        assert not parser.is_too_large
    with pytest.raises(Refused) as refused:
        parsers[-1].feed(head("POST", "/list", "Content-Length: 1000"))
    assert b"\r\nRetry-After: 1\r\nAccess-Control-Expose-Headers: Retry-After\r\n" in refused.value.response()
    parsers[0].feed(b"x")
    assert (parsers[0].is_complete, len(parsers[0].body)) == (True, 1000)
    parsers[0].begin()
    for path, length in (("/lists", 1000), ("/list", 1001)):
        other = RequestParser(limits)
        other.feed(head("POST", path, f"Content-Length: {length}"))
        assert other.is_too_large
    parsers[0].feed(head("POST", "/list", "Content-Length: 1000"))
    assert not parsers[0].is_too_large


def work(request: bytes) -> int:
    """The number of function calls needed to parse the request in socket-sized pieces, up to where it is refused."""
    read_all([CHUNKS + chunked(b"a")])  # fill caches
    called = count()
    parser = RequestParser(BodyLimits(LARGEST_BODY))
    gc.disable()  # Hypothesis is called at each collection, which would count
    sys.setprofile(lambda *_: next(called))
    try:
        with suppress(Refused):
            rest = b""
            for at in range(0, len(request), RECEIVED):
                rest = parser.feed(rest + request[at : at + RECEIVED])
    finally:
        sys.setprofile(None)
        gc.enable()
    return next(called)


def test_the_shape_of_a_body_does_not_change_the_work_of_reading_it():
    letters = work(CHUNKS + chunked(b"abcd" * 60_000))
    assert work(CHUNKS + chunked(b"\r\n\r\n" * 60_000)) == letters
    assert work(CHUNKS + chunked(b"\r\n0\r\n\r\n" * 30_000)) == letters
    for many in (b"1\r\na\r\n", b"2\r\n\r\n\r\n", b"1;a=b\r\nx\r\n", b"0\r\n" + b"a: b\r\n" * 40_000):
        assert work(CHUNKS + many * (240_000 // len(many))) < 40_000, many[:10]


def test_a_body_may_have_1000_chunks():
    assert len(read_all([CHUNKS + chunked(*[b"a"] * 999)])) == 1
    with pytest.raises(Refused):
        read_all([CHUNKS + chunked(*[b"a"] * 1_000)])


def test_headers_of_one_name_are_joined_and_names_with_an_underscore_are_left_out():
    """Proxies that use HTTP/2 send several Cookie headers (RFC 9113, 8.2.3). `X_Forwarded-For` would otherwise pass for
    `X-Forwarded-For`, which only proxies may set.
    """
    ((_, _, headers, _),) = read_all([head("GET", "/", "Cookie: a=b", "Accept: x", "Cookie: c=d; e=f", "Accept: y")])
    assert (headers["HTTP_COOKIE"], headers["HTTP_ACCEPT"]) == ("a=b; c=d; e=f", "x,y")
    assert [wsgi_name(b"X-Forwarded-For"), wsgi_name(b"X_Forwarded-For")] == ["HTTP_X_FORWARDED_FOR", ""]


PIECE = b"x" * 100_000
PIECES = 200


def test_a_response_of_unknown_length_is_chunked_unless_its_protocol_or_status_forbids_it():
    with served(answering(PIECE, b"end")) as ask:
        head, _, body = all_of(ask(CLOSE)).partition(b"\r\n\r\n")
        old_head, _, old_body = all_of(ask(GET.replace(b"1.1", b"1.0"))).partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert body == b"%x\r\n%s\r\n3\r\nend\r\n0\r\n\r\n" % (len(PIECE), PIECE)
    assert (old_body, b"chunked" in old_head) == (PIECE + b"end", False)
    with served(answering(b"abc", status="204 No Content")) as ask:
        assert all_of(ask(CLOSE)).partition(b"\r\n\r\n")[2] == b""


def test_a_failed_application_gets_a_500_response_with_the_cors_headers_of_its_origin():
    """Includes an application whose header cannot be encoded."""
    for error in (ZeroDivisionError(), eventlet.Timeout(), None):

        def app(environ, start, error=error):
            if environ["PATH_INFO"] == "/waits":
                eventlet.sleep(0.01)
            start("200 OK", [("X-Place", "ঢাকা")])
            if error:
                raise error
            return [b"abc"]

        with serving(app) as (server, ask):
            server.cors = lambda origin: f"Access-Control-Allow-Origin: {origin or '*'}\r\n".encode()
            for path, line, named in (
                ("/", "Origin: https://app.example", b"https://app.example"),
                ("/waits", "X: a", b"*"),
            ):
                answer = all_of(ask(head("GET", path, line)))
                assert answer.startswith(b"HTTP/1.1 500 "), error
                assert b"\r\nCache-Control: no-store\r\nAccess-Control-Allow-Origin: %s\r\n" % named in answer, error


def test_a_response_that_was_cut_short_is_not_taken_for_whole():
    def app(environ, start):
        start("200 OK", [])
        yield PIECE
        raise ZeroDivisionError

    with served(app) as ask:
        assert not all_of(ask(GET)).endswith(b"0\r\n\r\n")
    with served(answering(b"ab", length=3)) as ask:
        assert all_of(ask(GET)).endswith(b"\r\n\r\nab"), "the connection ends"


def test_a_response_is_generated_only_as_fast_as_the_client_reads():
    made, is_closed = [], []

    def app(environ, start):
        start("200 OK", [])
        try:
            for number in range(PIECES):
                made.append(number)
                yield PIECE
        finally:
            is_closed.append(True)

    with served(app) as ask:
        line = ask(GET)
        so_far = -1
        while so_far < len(made) or not made:
            so_far = len(made)
            eventlet.sleep(0.1)
        assert so_far < PIECES
        line.close()
        until(lambda: is_closed)  # the server does not wait for a closed client
        assert len(made) < PIECES
        assert len(all_of(ask(CLOSE))) > PIECES * len(PIECE)


def test_a_body_of_many_chunks_counts_for_the_client_that_its_head_names():
    parser = RequestParser(BodyLimits(LARGEST_BODY, proxies=1))
    parser.peer = "127.0.0.1"
    start = head("POST", "/list", "X-Forwarded-For: 203.0.113.9", "Transfer-Encoding: chunked")
    body = chunked(*[b"a"] * 90)
    assert parser.feed(start + body) == body
    assert (parser.body, parser.client) == (b"", "203.0.113.9")
    assert parser.feed(body) == b""
    assert (parser.is_complete, len(parser.body)) == (True, 90)


def test_the_code_of_a_refusal_is_ours():
    """Python 3.13 has another name for 413."""
    for status in HTTPStatus:
        if status >= 400:
            body = json.loads(Refused(status).response().partition(b"\r\n\r\n")[2])
            assert re.fullmatch("[a-z_]+", body["code"])
            assert body["code"] in STATUS_CODES.values()
    assert code_of(413) == "request_entity_too_large"
