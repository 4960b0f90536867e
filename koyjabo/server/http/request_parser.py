"""Parses requests with llhttp, which is strict, and limits their size (RFC 9112).

llhttp does not stop at the end of a request. It therefore gets the bytes in pieces that end where a request may end:
after the announced length, after the last chunk, or after an empty line.
"""

import re
from http import HTTPStatus

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from .body_limits import BodyLimits
from .chunks import Chunks
from .refused import Refused

MAX_LINE_BYTES = 8 * 1024
"""Maximum size of a request line, and of one header, in bytes."""

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100

MAX_UNREAD_BYTES = 256 * 1024
"""Maximum size, including framing, of a body that the application does not read, bytes. Up to this size, the connection
can be reused.
"""

MAX_CHEAP_BODY_BYTES = 1_024
"""Maximum size of a body that is parsed together with its head, bytes. Larger ones are parsed in the rotation of
networks, as work of the client that the head names. A visit takes half of it.
"""

TOO_LARGE, HEAD_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
END_OF_HEAD = b"\r\n\r\n"
NOT_ASCII_BYTES = re.compile(rb"[^\x00-\x7f]")
HTTP_VERSIONS = {"1.0", "1.1"}

HEADER_SEPARATORS = {"HTTP_COOKIE": "; "}
"""Separators between the values of a repeated header, where they are not commas (cookies: RFC 9113, 8.2.3)."""

ABSOLUTE_TARGET = re.compile(rb"https?://([^/?#@]+)([/?].*)?", re.IGNORECASE | re.DOTALL)
"""An absolute request target: its authority and the rest (RFC 9112, 3.2.2)."""

OTHER_PROTOCOLS = {b"RTSP/", b" ICE/"}
"""Other protocols that llhttp accepts, by the five bytes before the version."""

names: dict[bytes, str] = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}

MAX_NAMES = 500


def wsgi_name(name: bytes) -> str:
    """A header's name in a WSGI environment. Empty for a name with an underscore, because clients could use it to forge
    a proxy's header.
    """
    known = names.get(name)
    if known is None:
        lower = name.lower()
        known = names.get(lower) or ("" if b"_" in lower else "HTTP_" + lower.decode().upper().replace("-", "_"))
        if len(names) < MAX_NAMES:
            names[name] = known
    return known


class RequestParser:
    """Parses one request at a time. `begin` prepares it for the next one, on any connection. `method`, `url`, `version`
    and `headers` (with WSGI names) contain the head, and `body` the body, up to one byte more than `largest_body`. The
    connection sets `peer`, the sender's address.
    """

    __slots__ = (
        "_body_size", "_chunks", "_client", "_header_count", "_limits", "_line", "_llhttp", "_pieces", "_refusal",
        "_size", "_tail", "_unfed", "awaits_continue", "has_head", "headers", "is_complete", "keeps_alive",
        "largest_body", "method", "peer", "url", "version",
    )  # fmt: skip

    def __init__(self, limits: BodyLimits) -> None:
        self.largest_body = limits.usual
        self.peer = self._client = ""
        self._limits = limits
        self.is_complete = self.keeps_alive = False
        self.begin()

    def begin(self) -> None:
        if not (self.is_complete and self.keeps_alive):  # llhttp expects the rest of a request, or no other request
            self._llhttp = HttpRequestParser(self)
        if self.largest_body != self._limits.usual:
            self._limits.free_place(self._client)
            self.largest_body = self._limits.usual
        self.url, self.method, self.version = b"", "", ""
        self.headers: dict[str, str] = {}
        self.has_head = self.is_complete = self.keeps_alive = False
        self.awaits_continue = False  # the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)
        self._line: bytes | None = b""  # the beginning of an incomplete request line
        self._tail = b""  # the bytes parsed last, which may contain the start of an empty line
        self._size = self._body_size = self._unfed = self._header_count = 0
        self._chunks: Chunks | None = None
        self._pieces: list[bytes] = []
        self._refusal: Refused | None = None

    def discard(self) -> None:
        """Break the reference cycle with llhttp, so that the memory is freed without a garbage collection."""
        del self._llhttp

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)

    @property
    def client(self) -> str:
        """The client that the head names, for whose network the body is parsed; "" before the head."""
        return self._limits.client(self.peer, self.headers) if self.has_head else ""

    @property
    def is_too_large(self) -> bool:
        """Whether the body is, or will be, larger than the application accepts."""
        return self._body_size + self._unfed > self.largest_body

    def feed(self, data: bytes) -> bytes:
        """Parse up to the end of the request, or of a head with a costly body. Returns the bytes after it. After
        Refused, nothing more may be parsed.
        """
        if self._line is not None:
            data = self._whole_line(self._line + data if self._line else data)
        at = 0
        while at < len(data) and not self.is_complete:
            had_head, end = self.has_head, self._next_end(data, at)
            at += self._parse(data[at:end])
            if not had_head and self._has_costly_body:
                break
        self.awaits_continue = self.awaits_continue and not self.is_complete
        return data[at:]

    def _whole_line(self, data: bytes) -> bytes:
        """Buffer bytes until the request line is complete. Bytes over 127 are encoded, because llhttp refuses them."""
        start = len(data) - len(data.lstrip(b"\r\n")) if data[:1] in b"\r\n" else 0
        end = data.find(b"\n", start)
        if (end if end >= 0 else len(data)) - start > MAX_LINE_BYTES:
            raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
        if end < 0:
            self._line = data[start:]
            return b""
        self._line = None
        if data.count(b" ", start, end) > 2:
            raise Refused(HTTPStatus.BAD_REQUEST, "single spaces must separate the parts of the request line")
        if data[max(0, end - 9) : end - 4] in OTHER_PROTOCOLS:
            raise Refused(HTTPStatus.BAD_REQUEST, "the protocol must be HTTP")
        if data.isascii() or data[start:end].isascii():
            return data[start:]
        return NOT_ASCII_BYTES.sub(lambda match: b"%%%02X" % ord(match[0]), data[start:end]) + data[end:]

    def _next_end(self, data: bytes, at: int) -> int:
        if self._unfed:
            return at + self._unfed
        if self._chunks is not None and not self._chunks.are_over:
            return self._chunks.end_in(data, at)
        if self._tail:
            begun = (self._tail + data[at : at + 3]).find(END_OF_HEAD)
            if begun >= 0:
                return at + begun + len(END_OF_HEAD) - len(self._tail)
        end = data.find(END_OF_HEAD, at)
        return end + len(END_OF_HEAD) if end >= 0 else len(data)

    def _parse(self, piece: bytes) -> int:
        """Parse a piece. Returns the number of bytes parsed: all of them, except after an upgrade."""
        parsed, had_head = len(piece), self.has_head
        try:
            self._llhttp.feed_data(piece)
        except HttpParserUpgrade as upgrade:
            parsed = upgrade.args[0]
            if self._has_body:
                self._continue_without_upgrade()
        except HttpParserError as error:
            raise self._refusal or refused(str(error), had_head) from None
        self._size += parsed
        if self._size > (max(MAX_UNREAD_BYTES, self.largest_body) if had_head else MAX_HEAD_BYTES):
            raise Refused(TOO_LARGE if had_head else HEAD_TOO_LARGE)
        if self.has_head and not had_head:
            self._size = 0
        if self._refusal is not None:
            raise self._refusal
        self._tail = b"" if piece.endswith(END_OF_HEAD) or self._unfed else (self._tail + piece)[-3:]
        return parsed

    @property
    def _has_costly_body(self) -> bool:
        return (
            self.has_head and (self._chunks is not None or self._unfed > MAX_CHEAP_BODY_BYTES) and not self.is_too_large
        )

    @property
    def _has_body(self) -> bool:
        return self.method != "CONNECT" and (self._unfed > 0 or "HTTP_TRANSFER_ENCODING" in self.headers)

    def _continue_without_upgrade(self) -> None:
        """Read a body that llhttp takes for another protocol's data, because the request asks for an upgrade that is
        not granted. A second llhttp reads the body, after a head with the same framing.
        """
        framing = b"Content-Length: %d" % self._unfed if self._unfed else b"Transfer-Encoding: chunked"
        self.is_complete = False
        self._llhttp = HttpRequestParser(self)
        self._llhttp.feed_data(b"POST / HTTP/1.1\r\n%s\r\n\r\n" % framing)

    # llhttp callbacks

    def on_url(self, url: bytes) -> None:
        if not self.has_head:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count > MAX_HEADERS:
            self._refuse(HEAD_TOO_LARGE)
            return
        if self.has_head:
            return  # a trailer
        key = names.get(name) or wsgi_name(name)
        text = value.decode("latin-1").strip(" \t")
        if len(name) + len(value) > MAX_LINE_BYTES:
            self._refuse(HEAD_TOO_LARGE)
        elif key == "HTTP_HOST" and key in self.headers:
            self._refuse(HTTPStatus.BAD_REQUEST, "Host must be given only once")
        elif key in self.headers:
            self.headers[key] += f"{HEADER_SEPARATORS.get(key, ',')}{text}"
        elif key:
            self.headers[key] = text

    def on_headers_complete(self) -> None:
        if self.has_head:
            return
        headers, self.has_head = self.headers, True
        self.method, self.version = self._llhttp.get_method().decode(), self._llhttp.get_http_version()
        self.keeps_alive = self._llhttp.should_keep_alive() and self.method != "CONNECT"
        if b":" in self.url and not self.url.startswith(b"/") and self.method != "CONNECT":
            self._split_target()
        if "CONTENT_LENGTH" in headers and self.method != "CONNECT":
            self._unfed = int(headers["CONTENT_LENGTH"])
            if self._unfed > self.largest_body:
                self._take_larger()
            self.keeps_alive = self.keeps_alive and self._unfed <= max(MAX_UNREAD_BYTES, self.largest_body)
        if "HTTP_TRANSFER_ENCODING" in headers:
            self._chunks = Chunks()
        if "HTTP_EXPECT" in headers:
            self.awaits_continue = self.version == "1.1" and headers["HTTP_EXPECT"].lower() == "100-continue"
        if self.version not in HTTP_VERSIONS:
            self._refuse(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        elif "HTTP_HOST" not in headers and self.version == "1.1":
            self._refuse(HTTPStatus.BAD_REQUEST, "Host is missing")
        elif "HTTP_TRANSFER_ENCODING" in headers and self.version == "1.0":
            self._refuse(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding")
        elif "HTTP_TRANSFER_ENCODING" in headers and headers["HTTP_TRANSFER_ENCODING"].lower() != "chunked":
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked")

    def _split_target(self) -> None:
        """Replace `Host` by the authority of an absolute target. The target's scheme is ignored, because only the
        connection and our proxies know it.
        """
        target = ABSOLUTE_TARGET.fullmatch(self.url)
        if target is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "its target must be a path or an http URL")
            return
        authority, rest = target[1], target[2] or b""
        self.url = rest if rest.startswith(b"/") else b"/" + rest
        if "HTTP_HOST" in self.headers or self.version == "1.0":
            self.headers["HTTP_HOST"] = authority.decode("latin-1")

    def _take_larger(self) -> None:
        largest = self._limits.at(self.url)
        if self._unfed > largest:
            return  # the application refuses the body
        self._client = self._limits.client(self.peer, self.headers)
        if self._limits.acquire(self._client):
            self.largest_body = largest
        else:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many large requests at once")

    def on_body(self, data: bytes) -> None:
        if self._body_size <= self.largest_body:
            self._pieces.append(data)
        self._body_size += len(data)
        self._unfed = max(0, self._unfed - len(data))

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.keeps_alive = self.keeps_alive and self._llhttp.should_keep_alive()  # a trailer may say `close`

    def _refuse(self, status: HTTPStatus, reason: str = "") -> None:
        self._refusal = self._refusal or Refused(status, reason)


def refused(reason: str, had_head: bool) -> Refused:
    """The refusal for an llhttp error, in the head or after it."""
    if "Transfer-Encoding" in reason and not had_head:
        return Refused(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked, without a Content-Length")
    return Refused(HTTPStatus.BAD_REQUEST, reason[:1].lower() + reason[1:])
