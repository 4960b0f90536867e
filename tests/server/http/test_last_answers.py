"""The last answer of a connection arrives, with more data on the way and while the server leaves (RFC 9112, 9.6)."""

from __future__ import annotations

import socket
import warnings
from struct import pack

from support.line import head
from support.wsgi import CLOSE, GET, Gate, all_of, answering, served, serving, until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own, about itself
    import eventlet


def test_client_that_sends_more_than_its_last_request_is_not_reset():
    gate = Gate()
    with served(gate) as ask:
        line = ask(CLOSE)
        gate.wait_for_request()
        line.sendall(b"more")
        gate.open()
        assert all_of(line).endswith(b"abc")
        line.sendall(b"still open for this")


def test_connection_ends_after_a_body_that_is_far_too_large():
    with served(answering(b"abc")) as ask:
        line = ask(head("POST", "/", "Content-Length: 300000"))
        line.sendall(b"x" * 100_000)
        answer = all_of(line)
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"abc")


def test_server_that_leaves_ends_a_connection_without_a_request():
    with serving(answering(b"abc", length=3)) as (server, ask):
        line = ask(GET)
        received = line.recv(10)
        line.sendall(b"\r\n")
        eventlet.sleep(0.02)  # it may be read before or after
        server.leave()
        assert (received + all_of(line)).endswith(b"abc")


def test_server_that_leaves_ends_a_connection_when_the_last_bytes_are_sent():
    body = b"x" * 20_000_000
    with serving(answering(body)) as (server, ask):
        line = ask(GET)
        received = line.recv(10)
        server.leave()
        eventlet.sleep(0)
        assert (received + all_of(line)).count(b"x") == len(body)


def test_connection_that_has_ended_cannot_be_taken_over():
    errors, gate = [], Gate()

    def app(environ, start):
        answer = gate(environ, start)
        try:
            environ["koyjabo.connection"].detach()
        except ConnectionError as error:
            errors.append(error)
        return answer

    with served(app) as ask:
        line = ask(GET)
        gate.wait_for_request()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        line.close()
        eventlet.sleep(0.02)  # it is read
        gate.open()
        until(lambda: errors)
