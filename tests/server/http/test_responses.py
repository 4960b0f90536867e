"""Responses of any WSGI application are sent as HTTP requires, and never faster than the client reads (PEP 3333)."""

import pytest
from support.application.http_server import CLOSE, GET, all_of, answering, eventlet, served, until

PIECE = b"x" * 100_000
PIECES = 200


def test_answer_of_known_length_is_sent_as_it_is():
    """A short response gets its length."""
    for length in (3, None):
        with served(answering(b"ab", b"", b"c", length=length)) as ask:
            head, _, body = all_of(ask(CLOSE)).partition(b"\r\n\r\n")
        assert body == b"abc"
        assert b"\r\nContent-Length: 3" in head
        assert b"\r\nConnection: close" in head
        assert b"\r\nDate: " in head


def test_response_of_unknown_length_is_chunked_except_for_http_1_0():
    with served(answering(PIECE, b"end")) as ask:
        head, _, body = all_of(ask(CLOSE)).partition(b"\r\n\r\n")
        old_head, _, old_body = all_of(ask(GET.replace(b"1.1", b"1.0"))).partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert body == b"%x\r\n%s\r\n3\r\nend\r\n0\r\n\r\n" % (len(PIECE), PIECE)
    assert (old_body, b"chunked" in old_head) == (PIECE + b"end", False)


def test_answer_without_a_body_has_none():
    for status in ("204 No Content", "304 Not Modified"):
        with served(answering(b"abc", status=status)) as ask:
            assert all_of(ask(CLOSE)).partition(b"\r\n\r\n")[2] == b""


def test_next_request_waits_for_an_application_that_goes_on_after_its_last_piece():
    """The response is long, so that it is sent while the application goes on."""
    order = []

    def app(environ, start):
        start("200 OK", [("Content-Length", str(len(PIECE * 50)))])
        order.append("begin")
        yield PIECE * 50
        eventlet.sleep(0.1)
        order.append("end")

    with served(app) as ask:
        assert len(all_of(ask(GET + CLOSE))) > 2 * len(PIECE * 50)
    assert order == ["begin", "end"] * 2


def test_answer_that_is_shorter_than_it_says_ends_the_connection():
    with served(answering(b"ab", length=3)) as ask:
        assert all_of(ask(GET)).endswith(b"\r\n\r\nab")


@pytest.mark.parametrize("wait_s", [None, 0.01], ids=["at once", "after it has waited"])
def test_application_that_fails_is_answered_for(wait_s):
    """Includes an application whose header cannot be encoded."""
    for error in (ZeroDivisionError(), eventlet.Timeout(), None):

        def app(environ, start, error=error):
            if wait_s:
                eventlet.sleep(wait_s)
            start("200 OK", [("X-Place", "ঢাকা")])
            if error:
                raise error
            return [b"abc"]

        with served(app) as ask:
            for _ in range(2):
                assert all_of(ask(GET)).startswith(b"HTTP/1.1 500 ")


def test_answer_that_fails_half_way_is_not_taken_for_whole():
    def app(environ, start):
        start("200 OK", [])
        yield PIECE
        raise ZeroDivisionError

    with served(app) as ask:
        assert not all_of(ask(GET)).endswith(b"0\r\n\r\n")


def test_no_more_is_made_than_the_client_reads():
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
