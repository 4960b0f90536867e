"""Adapts the HTTP protocol class of eventlet's WSGI server: strict parsing, our error format, and limits.

It relies on `_read_request_line` and `parse_request` being called for each request (0.41.3, pinned).
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from email.errors import MultipartInvariantViolationDefect, NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect
from http import HTTPStatus
from typing import Any

from eventlet import wsgi

from koyjabo.server.http.chunked import ChunkedFile
from koyjabo.server.http.connections import BODY, CLOSED, LAST, SINCE

MOST_DISCARDED = 256 * 1024
"""The largest unread body that is discarded to reuse the connection, bytes; with a larger one it is closed."""

TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"
OF_BODIES = (NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect, MultipartInvariantViolationDefect)
"""Defects that the standard library's mail parser reports for multipart forms because it does not get the body."""

NAMES = re.compile(rf"({TOKEN}(\n{TOKEN})*)?", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
MALFORMED = 400, "a header line is malformed"
BROKEN = (
    b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    b"Referrer-Policy: same-origin\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"Connection: close\r\n\r\n%s"
)


class HeaderLines:
    """Reads the head of a request and records malformed lines: a continuation line, or a bare CR, which the mail parser
    takes for a line end and a proxy may not (RFC 9112, 2.2 and 5.2).
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.malformed = False

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        if b"\r" in line[:-2] or b"\0" in line or line.startswith((b" ", b"\t")):
            self.malformed = True
        return line


class Protocol(wsgi.HttpProtocol):
    """Answers invalid HTTP in our error format, logs no address, and limits the size of unread bodies."""

    rfile: Any
    environ: dict[str, Any]
    rbufsize = wbufsize = 4096  # allocated for each connection; requests and answers are short

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the standard library would write the peer's address to standard error."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        status = HTTPStatus(code)
        sentence = f"This is not HTTP that can be served: {message or status.phrase}."
        body = json.dumps({"error": sentence, "code": status.name.lower(), "details": {}}).encode()
        self.close_connection = True
        with suppress(OSError):  # the client has disconnected
            self.wfile.write(BROKEN % (code, status.phrase.encode(), len(body), body))
            self.wfile.flush()

    def finish(self) -> None:
        """Close the input also if the last bytes cannot be written, when the standard library does not: the file would
        stay open until the garbage collector runs. Also break the reference cycle with the last request.
        """
        try:
            super().finish()
        finally:
            self.rfile.close()
            self.environ, self.conn_state[BODY] = {}, None

    def _read_request_line(self) -> bytes:
        self.conn_state[SINCE], self.conn_state[BODY] = time.monotonic(), None
        line: bytes = super()._read_request_line()
        self.conn_state[SINCE] = time.monotonic()
        if CLOSED in self.conn_state:
            return b""  # it arrived too late: the client must retry with another server
        if len(line) >= self.server.url_length_limit:
            self.send_error(414)
            return b""
        return line

    def parse_request(self) -> bool:
        lines = HeaderLines(self.rfile)
        self.rfile = lines  # eventlet restores the original
        try:
            if not super().parse_request():
                return False
        except (wsgi.HeaderLineTooLong, wsgi.HeadersTooLarge):
            self.send_error(431)
            return False
        if LAST in self.conn_state:
            self.close_connection = True
        refusal = MALFORMED if lines.malformed else self._refusal()
        if refusal:
            self.send_error(*refusal)
        return not refusal

    def _refusal(self) -> tuple[int, str] | None:
        """The status and message for a malformed head, or None. Refuses a body whose end two parsers may find in
        different places, since this allows request smuggling (RFC 9112, 6.3).
        """
        names = "\n".join(self.headers.keys()).lower()
        defects = [each for each in self.headers.defects if not isinstance(each, OF_BODIES)]
        if defects or not NAMES.fullmatch(names):
            return MALFORMED
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
        environ: dict[str, Any] = super().get_environ()
        body = environ["eventlet.input"]
        body.discard = self._discard
        if body.chunked_input:
            body.rfile = ChunkedFile(body.rfile)
        self.conn_state[BODY] = body
        environ["SERVER_PROTOCOL"] = self.request_version  # eventlet always sets HTTP/1.0
        return environ

    def _discard(self) -> None:
        """Read the rest of the body so that the connection can be reused; close it if the rest is too large."""
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
