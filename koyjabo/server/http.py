"""HTTP connections on eventlet's WSGI server, where its own ways are not ours.

It relies on eventlet keeping a connection as a list of address, socket and state, handing each to the pool, and on the
names of the states (0.41.3, pinned).
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import eventlet
from eventlet import wsgi

MOST_DISCARDED = 256 * 1024
"""Bytes of an unread body that are read away so that the connection can be used again; after that it is closed."""


class Connections(eventlet.GreenPool):
    """The open connections. eventlet's server keeps them to itself, but all of them pass through its pool."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._open: dict[int, list[Any]] = {}

    def spawn(self, serve: Any, connection: list[Any]) -> Any:
        thread = super().spawn(serve, connection)
        self._open[id(connection)] = connection
        thread.link(lambda _: self._open.pop(id(connection), None))
        return thread

    def hear_no_more(self) -> None:
        """End the connections that wait for a request, but not one whose request has already arrived.

        eventlet would shut both directions: what the system has received would still be read and committed, and the
        answer could not be sent. With the reading side shut alone, it can; and where nothing has come, nothing will.
        """
        for connection in self._open.values():
            _, line, state = connection
            if state == wsgi.STATE_IDLE:
                connection[2] = wsgi.STATE_CLOSE
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RD)


class Protocol(wsgi.HttpProtocol):
    """Answers broken HTTP as every error is answered, logs no address, and reads no endless body."""

    def log_message(self, format: str, *args: Any) -> None:
        """The standard library would write the peer's address to standard error."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        status = HTTPStatus(code)
        sentence = f"The request is not valid HTTP: {message or status.phrase}."
        body = json.dumps({"error": sentence, "code": status.name.lower(), "details": {}}).encode()
        self.close_connection = True
        self.wfile.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (code, status.phrase.encode(), len(body), body)
        )

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        body = environ["eventlet.input"]
        body.discard = lambda: self._discard(body)
        return environ

    def _discard(self, body: Any) -> None:
        left = MOST_DISCARDED
        try:
            while data := body.read(16 * 1024):
                left -= len(data)
                if left < 0:
                    break
            else:
                return
        except (OSError, wsgi.ChunkReadError):
            pass
        self.close_connection = True
