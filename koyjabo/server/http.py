"""HTTP connections on eventlet's WSGI server, where its own ways are not ours.

It relies on eventlet keeping a connection as a list of address, socket and state, handing each to the pool, and on the
names of the states (0.41.3, pinned).
"""

from __future__ import annotations

import errno
import json
import re
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import eventlet
from eventlet import wsgi
from eventlet.greenio import GreenSocket

MOST_DISCARDED = 256 * 1024
"""Bytes of an unread body that are read away so that the connection can be used again; after that it is closed."""


TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"
NAMES = re.compile(rf"({TOKEN}(\n{TOKEN})*)?", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
LINE, STATE, SINCE = 1, 2, 3
HUSHED = "hushed"

IDLE_S = 75
"""Longer than the idle time of the proxies in front, so that it is they who close."""

OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
RETRY_S = 0.1

REQUEST_S = 60
"""For one request, from its first line to the end of its answer."""

BROKEN = (
    b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Access-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n%s"
)


class Listener(GreenSocket):
    """A listening socket that outlives a lack of files or memory; eventlet's server would stop accepting for good."""

    def accept(self) -> Any:
        while True:
            try:
                return super().accept()
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                eventlet.sleep(RETRY_S)


class Connections(eventlet.GreenPool):
    """The open connections. eventlet's server keeps them to itself, but all of them pass through its pool."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._open: dict[int, list[Any]] = {}

    def spawn(self, serve: Any, connection: list[Any]) -> Any:
        connection.append(time.monotonic())  # SINCE
        thread = super().spawn(serve, connection)
        self._open[id(connection)] = connection
        thread.link(lambda _: self._open.pop(id(connection), None))
        return thread

    def hear_no_more(self) -> None:
        """End the connections that wait for a request, but not one whose request has begun to arrive.

        eventlet would shut all that it thinks idle: what the system has received would still be read and committed,
        and the answer could not be sent.
        """
        for connection in self._open.values():
            line, state = connection[LINE], connection[STATE]
            if state != wsgi.STATE_IDLE:
                continue
            if _has_received(line):
                connection[STATE] = wsgi.STATE_REQUEST
            else:
                connection.append(HUSHED)
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RD)

    def end_the_late(self) -> None:
        """Close what has been idle, or in the middle of one request, for too long.

        One sweep instead of a timer for each read: those cost 10 µs a request, and never end a client that sends a
        byte now and then.
        """
        now = time.monotonic()
        for connection in self._open.values():
            patience_s = IDLE_S if connection[STATE] == wsgi.STATE_IDLE else REQUEST_S
            if now - connection[SINCE] > patience_s:
                with suppress(OSError):
                    connection[LINE].shutdown(socket.SHUT_RDWR)


def _has_received(line: Any) -> bool:
    try:
        return bool(line.fd.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False


class Protocol(wsgi.HttpProtocol):
    """Answers broken HTTP as every error is answered, logs no address, and reads no endless body."""

    rbufsize = wbufsize = 4096  # for each connection, and what is said here is short

    def log_message(self, format: str, *args: Any) -> None:
        """The standard library would write the peer's address to standard error."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        status = HTTPStatus(code)
        sentence = f"This is not HTTP that can be served: {message or status.phrase}."
        body = json.dumps({"error": sentence, "code": status.name.lower(), "details": {}}).encode()
        self.close_connection = True
        with suppress(OSError):  # it has gone
            self.wfile.write(BROKEN % (code, status.phrase.encode(), len(body), body))
            self.wfile.flush()

    def finish(self) -> None:
        """Where the last bytes cannot be written, the standard library forgets to close what is read from: the file
        would stay open until the collector comes.
        """
        try:
            super().finish()
        finally:
            self.rfile.close()

    def _read_request_line(self) -> bytes:
        self.conn_state[SINCE] = time.monotonic()
        line = super()._read_request_line()
        self.conn_state[SINCE] = time.monotonic()
        if HUSHED in self.conn_state:
            return b""  # it came in the moment in between: whoever sent it has to ask another server
        if len(line) >= self.server.url_length_limit:
            self.send_error(414)
            return b""
        return line

    def parse_request(self) -> bool:
        try:
            if not super().parse_request():
                return False
        except (wsgi.HeaderLineTooLong, wsgi.HeadersTooLarge):
            self.send_error(431)
            return False
        refusal = self._refusal()
        if refusal:
            self.send_error(*refusal)
        return not refusal

    def _refusal(self) -> tuple[int, str] | None:
        """A body whose end two readers could see in two places is how requests are smuggled (RFC 9112, 6.3)."""
        names = "\n".join(self.headers.keys()).lower()
        if self.headers.defects or not NAMES.fullmatch(names):
            return 400, "a header line is malformed"
        if "transfer-encoding" in names:
            codings = self.headers.get_all("Transfer-Encoding", [])
            if "content-length" in names or [coding.lower() for coding in codings] != ["chunked"]:
                return 501, "Transfer-Encoding must be chunked, once, and stand without a Content-Length"
        elif "content-length" in names:
            lengths = self.headers.get_all("Content-Length", [])
            if len(lengths) > 1 or not all(map(DIGITS.fullmatch, lengths)):
                return 400, "Content-Length must be one number"
        return None

    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        environ["eventlet.input"].discard = self._discard
        environ["SERVER_PROTOCOL"] = self.request_version  # eventlet always says HTTP/1.0
        return environ

    def _discard(self) -> None:
        body, left = self.environ["eventlet.input"], MOST_DISCARDED
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
