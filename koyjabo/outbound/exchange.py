"""One request and its answer over one connection, on a real thread. Takes no lock, does not log, follows no redirect
and decompresses nothing.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from functools import cache
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from koyjabo.outbound.messages import Answer, FailureKind, OutboundError, Target
from koyjabo.outbound.unpatched import unpatched

LARGEST_HEAD = 64 * 1024
PIECE = 64 * 1024

ssl: Any = unpatched("ssl")
socket: Any = ssl._socket  # the copy that this `ssl` builds upon


class Deadline:
    """When everything has to be done, however slowly the bytes arrive."""

    def __init__(self, seconds: float) -> None:
        self._at_s = time.monotonic() + seconds

    def left(self) -> float:
        """In s. Raises OutboundError (TIMEOUT) when nothing is."""
        left_s = self._at_s - time.monotonic()
        if left_s <= 0:
            raise OutboundError(FailureKind.TIMEOUT, "no whole answer in time")
        return left_s


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order of the system; an address is its own. Raises OSError."""
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(each[4][0] for each in found))


def exchange(target: Target, addresses: list[str], data: bytes, reader: AnswerReader, deadline: Deadline) -> Answer:
    """Raises OutboundError. Dials exactly `addresses`, one after the other; the name of `target` is for TLS only."""
    try:
        with closing(_connect(target, addresses, deadline)) as connection:
            _send(connection, data, deadline)
            return _receive(connection, reader, deadline)
    except TimeoutError:
        raise OutboundError(FailureKind.TIMEOUT, "no whole answer in time") from None
    except ssl.SSLCertVerificationError as error:
        raise OutboundError(FailureKind.TLS, f"its certificate is not valid ({error.verify_message})") from None
    except ssl.SSLError as error:
        raise OutboundError(FailureKind.TLS, f"TLS failed ({error.reason})") from None
    except OSError as error:
        raise OutboundError(FailureKind.CONNECTION, type(error).__name__) from None
    finally:
        reader.discard()


def _connect(target: Target, addresses: list[str], deadline: Deadline) -> Any:
    """Each address gets its share of the time that is left."""
    for n, address in enumerate(addresses):
        try:
            share_s = deadline.left() / (len(addresses) - n)
            connection = socket.create_connection((address, target.port), timeout=share_s)
            break
        except OSError:
            if n == len(addresses) - 1:
                raise
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.scheme == "http":
        return connection
    connection.settimeout(deadline.left())
    try:
        return _context().wrap_socket(connection, server_hostname=target.host.removesuffix("."))
    except BaseException:
        connection.close()
        raise


@cache
def _context() -> Any:
    """Checks certificates with the store of the system; made once, because reading it takes 20 ms."""
    return ssl.create_default_context()


def _send(connection: Any, data: bytes, deadline: Deadline) -> None:
    sent = 0
    while sent < len(data):
        connection.settimeout(deadline.left())
        sent += connection.send(data[sent:])


def _receive(connection: Any, reader: AnswerReader, deadline: Deadline) -> Answer:
    while not reader.is_complete:
        connection.settimeout(deadline.left())
        data = connection.recv(PIECE)
        if not data:
            reader.end()
            break
        reader.feed(data)
    return Answer(reader.status, reader.headers, bytes(reader.body))


class AnswerReader:
    """Reads one answer with llhttp, which is strict. Interim answers (1xx) are skipped."""

    def __init__(self, most_bytes: int, truncate: bool) -> None:
        self._most_bytes = most_bytes
        self._truncate = truncate
        self._parser = HttpResponseParser(self)
        self._head_bytes = 0
        self._has_head = False
        self._failure: OutboundError | None = None
        self.is_complete = False
        self.body = bytearray()
        self.on_message_begin()

    def feed(self, data: bytes) -> None:
        """Raises OutboundError (BAD_ANSWER, TOO_LARGE)."""
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.is_complete:
                raise self._failure or OutboundError(FailureKind.BAD_ANSWER, "its answer is not HTTP") from None
        if not self._has_head:
            self._count_head(len(data))

    def discard(self) -> None:
        """Break the cycle with llhttp, which would wait for the garbage collector."""
        del self._parser

    def end(self) -> None:
        """The server has closed the connection. Raises OutboundError (CONNECTION) if that came too early."""
        is_framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._has_head or is_framed:
            raise OutboundError(FailureKind.CONNECTION, "the connection was closed before the answer was whole")
        self.is_complete = True

    # llhttp calls these; an error that they raise ends the parsing, as HttpParserCallbackError.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("bytes after the answer")
        self.status = 0
        self.headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            self._count_head(len(name) + len(value))  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self._has_head = self.status >= 200
        if self._has_head and not self._truncate:
            with suppress(ValueError):
                self._limit(int(self.headers.get("content-length", "0")))

    def on_body(self, piece: bytes) -> None:
        if not self._truncate:
            self._limit(len(self.body) + len(piece))
        self.body += piece[: self._most_bytes - len(self.body)]
        if self._truncate and len(self.body) >= self._most_bytes:
            self.is_complete = True

    def on_message_complete(self) -> None:
        if self._has_head:
            self.is_complete = True

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LARGEST_HEAD:
            self._refuse("the headers of its answer are too large")

    def _limit(self, size: int) -> None:
        if size > self._most_bytes:
            self._refuse("its answer is too large")

    def _refuse(self, reason: str) -> None:
        self._failure = OutboundError(FailureKind.TOO_LARGE, reason)
        raise self._failure
