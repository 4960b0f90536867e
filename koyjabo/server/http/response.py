"""Sends a WSGI application's response, in pieces if it is long (PEP 3333; RFC 9112, 6 and 7)."""

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any
from wsgiref.types import WSGIApplication

from koyjabo.realtime.frames import chunk
from .connection import STATE_GONE, HttpConnection

MIN_WRITE_BYTES = 4096
"""Response pieces shorter than this are sent together, bytes."""

WITHOUT_BODY = ("1", "204", "304")
"""Prefixes of the status codes whose responses have no body."""

FAILURE_RESPONSE = (
    b"HTTP/1.1 500 Internal Server Error\r\nCache-Control: no-store\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n"
)

SERVER_HEADERS = {"content-length", "connection", "date"}
"""Headers that the server adds unless the application sets them."""


class Date:
    """The `Date` header, updated once a second."""

    def __init__(self) -> None:
        self._second, self._line = 0, ""

    def header(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._line = now, f"Date: {formatdate(now, usegmt=True)}\r\n"
        return self._line


date = Date()


def respond(app: WSGIApplication, environ: dict[str, Any], connection: HttpConnection) -> None:
    """Handle a request in a task, and send its response. Raises the application's errors after sending a response. Does
    nothing once the connection has ended or was taken over. A result with a `take_over` method takes over the
    connection.
    """
    response = Response(connection, environ)
    pieces: Iterable[bytes] = ()
    try:
        pieces = app(environ, response.start)
        response.send(pieces)
    except BaseException:  # time-outs and Rust panics do not derive from Exception
        response.fail()
        raise
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


class Response:
    __slots__ = ("_connection", "_headers", "_is_chunked", "_is_head", "_is_http_1_0", "_is_last",
                 "_is_started", "_left", "_origin", "_status")  # fmt: skip

    def __init__(self, connection: HttpConnection, environ: dict[str, Any]) -> None:
        self._connection = connection
        self._is_head = environ["REQUEST_METHOD"] == "HEAD"
        self._origin = environ.get("HTTP_ORIGIN", "")
        self._is_http_1_0 = environ["SERVER_PROTOCOL"] == "HTTP/1.0"
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._is_started = False  # the head was sent
        self._is_chunked = self._is_last = False
        self._left: int | None = None  # remaining bytes of Content-Length

    def start(self, status: str, headers: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
        """WSGI's `start_response` function."""
        if error and self._is_started:
            raise error[1].with_traceback(error[2])
        self._status, self._headers = status, headers
        return self._write

    def send(self, pieces: Iterable[bytes]) -> None:
        if self._connection.state == STATE_GONE:
            return
        if isinstance(pieces, list | tuple):
            self._finish(b"".join(pieces))
            return
        if hasattr(pieces, "take_over"):
            self._is_last = True
            pieces.take_over(self._connection, self._head(None))
            return
        unsent = b""
        for piece in pieces:
            unsent = unsent + piece if unsent else piece
            if len(unsent) >= MIN_WRITE_BYTES:
                if not self._write(unsent):
                    return
                unsent = b""
        self._finish(unsent)

    def fail(self) -> None:
        """End the connection, so that the client does not mistake a partial response for a complete one."""
        if not self._is_started and self._connection.state != STATE_GONE:
            self._connection.send(FAILURE_RESPONSE % self._connection.cors(self._origin))
            self._connection.finish(is_last=True)
        else:
            self._connection.end()

    def _finish(self, data: bytes) -> None:
        head = b"" if self._is_started else self._head(len(data))
        data = head + self._framed(data)
        if self._is_chunked:
            data += chunk(b"")
        if data:
            self._connection.send(data)
        self._connection.finish(self._is_last or bool(self._left))

    def _write(self, data: bytes) -> bool:
        """Send a piece and wait until the kernel has accepted it. Returns False if the connection has ended."""
        head = b"" if self._is_started else self._head(None)
        self._connection.send(head + self._framed(data))
        if self._left == 0 and not self._is_chunked:
            return self._connection.state != STATE_GONE  # `finish` continues without this task
        return self._connection.wait_until_sent()

    def _framed(self, data: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        elif self._is_chunked and data:
            return chunk(data)
        elif self._has_no_body:
            return b""
        return data

    @property
    def _has_no_body(self) -> bool:
        return self._is_head or self._status.startswith(WITHOUT_BODY)

    def _head(self, length: int | None) -> bytes:
        """The head of the response. `length` is the length of the body, if known."""
        given = {lower: value for name, value in self._headers if (lower := name.lower()) in SERVER_HEADERS}
        lines = "".join([f"{name}: {value}\r\n" for name, value in self._headers])
        dated = "" if "date" in given else date.header()
        framing = self._framing(given.get("content-length"), length)
        persistence = self._persistence(given.get("connection", ""))
        head = f"HTTP/1.1 {self._status}\r\n{lines}{dated}{framing}{persistence}\r\n".encode("latin-1")
        self._is_started = True
        return head

    def _framing(self, given: str | None, length: int | None) -> str:
        if self._has_no_body:
            return ""
        if given is not None:
            self._left = int(given)
        elif length is not None:
            self._left = length
            return f"Content-Length: {length}\r\n"
        elif self._is_http_1_0:
            self._is_last = True  # the body ends with the connection (RFC 9112, 6.3)
        else:
            self._is_chunked = True
            return "Transfer-Encoding: chunked\r\n"
        return ""

    def _persistence(self, given: str) -> str:
        self._is_last = self._is_last or self._connection.is_last or given.lower() == "close"
        if given:
            return ""
        if self._is_last:
            return "Connection: close\r\n"
        return "Connection: keep-alive\r\n" if self._is_http_1_0 else ""
