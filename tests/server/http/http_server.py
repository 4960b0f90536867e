"""The product's HTTP server in this process, with any WSGI application."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from support.application.runtimes import loop_on
from support.clients.connection import head
from support.programs.patience import PATIENCE_S

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns about itself
    import eventlet
    from eventlet.green import socket as green

    from koyjabo.server.http.body_limits import BodyLimits
    from koyjabo.server.http.server import HttpServer
    from koyjabo.server.loop.fair_queue import FairQueue
from koyjabo.server.loop.poller import Poller

GET = head("GET", "/")
CLOSE = head("GET", "/", "Connection: close")
LARGEST_BODY = 100


@contextmanager
def served(app: Callable) -> Iterator[Callable[[bytes], green.socket]]:
    """Run a server. Yields a function that sends a request on a new connection and returns the connection."""
    with serving(app) as (_, ask):
        yield ask


@contextmanager
def serving(app: Callable) -> Iterator[tuple[HttpServer, Callable[[bytes], green.socket]]]:
    """Run a server. Yields it and the same function as `served`."""
    with loop_on() as runtime:
        listener = socket.create_server(("127.0.0.1", 0))
        order, bodies = FairQueue(runtime, Poller(runtime)), BodyLimits(LARGEST_BODY)
        server = HttpServer(runtime, order, listener, app, most=10, bodies=bodies, environ={})
        server.start()
        connections: list[green.socket] = []
        yield server, partial(ask, listener, connections)
        for connection in connections:
            connection.close()
        server.leave()
        eventlet.sleep(0.05)
        server.wait_until_answered()


def ask(listener: socket.socket, connections: list[green.socket], requests: bytes) -> green.socket:
    connection = green.create_connection(listener.getsockname())
    connection.settimeout(PATIENCE_S)
    connection.sendall(requests)
    connections.append(connection)
    return connection


def all_of(connection: green.socket) -> bytes:
    received = bytearray()
    while data := connection.recv(65536):
        received += data
    return bytes(received)


def until(condition: Callable[[], object]) -> None:
    with eventlet.Timeout(PATIENCE_S):
        while not condition():
            eventlet.sleep(0.005)


class Gate:
    def __init__(self) -> None:
        self.has_begun, self._opened = False, eventlet.event.Event()

    def __call__(self, environ, start):
        self.has_begun = True
        self._opened.wait()
        start("200 OK", [])
        return [b"abc"]

    def wait_for_request(self) -> None:
        until(lambda: self.has_begun)

    def open(self) -> None:
        self._opened.send()


def answering(*pieces: bytes, length: int | None = None, status: str = "200 OK") -> Callable:
    """An application that sends its response piece by piece."""

    def app(environ, start):
        start(status, [] if length is None else [("Content-Length", str(length))])
        yield from pieces

    return app
