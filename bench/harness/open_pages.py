"""Pages as browsers open them: each registers its visit, listens on a socket of its own, answers pings, and goes.

One process and one epoll; what is heard is counted, not kept.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from struct import pack

from harness.crowds import PLAIN

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
MASK = b"\0\0\0\0"
READ_SIZE = 1 << 18
PAGE_UNLOAD = 1001
PATIENCE_S = 30.0
AT_ONCE = 16
KEPT_ALIVE_S = 10.0
JSON = {"Content-Type": "application/json", "Origin": "https://koyjabo.com"}


@dataclass(eq=False)
class Page:
    visitor: str
    agent: str
    kind: str = PLAIN
    sock: socket.socket | None = None
    rest: bytes = b""
    is_upgraded: bool = False
    is_ready: bool = False
    updates: int = 0
    update_bytes: int = 0
    pings: int = 0


class OpenPages:
    def __init__(self, port: int) -> None:
        self._port = port
        self._epoll = select.epoll()
        self._by_file: dict[int, Page] = {}
        self._numbers = count(1)
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._posted_s = 0.0

    def comes(self) -> Page:
        """A new visitor registers a visit: all on one connection while they come in a row, and so with one worker."""
        number = next(self._numbers)
        page = Page(f"visitor_17027573{number:05d}_a1b2c3d4e", _agent(number))
        body = {
            "visitorId": page.visitor,
            "timestamp": 1702757318000 + number,
            "userAgent": page.agent,
            "referrer": "https://www.google.com/",
            "visitId": f"{number:032x}",
            "page": "/routes/dhaka-metro",
        }
        self._post("/api/visitor/register", body, page)
        return page

    def heartbeat(self, page: Page) -> None:
        self._post("/api/visitor/heartbeat", {"visitorId": page.visitor}, page)

    def open(self, pages: list[Page], kind: str) -> None:
        """Open the sockets of these, a few at a time, until each has heard its first event."""
        waiting = list(reversed(pages))
        under_way: list[Page] = []
        ends_s = time.monotonic() + PATIENCE_S
        while waiting or under_way:
            while waiting and len(under_way) < AT_ONCE:
                under_way.append(self._dial(waiting.pop(), kind))
            self.read_for(0.0)
            under_way = [page for page in under_way if not page.is_ready]
            if time.monotonic() > ends_s:
                raise RuntimeError(f"{len(under_way)} sockets have heard nothing")

    def read_for(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while True:
            for file, _ in self._epoll.poll(max(0.001, min(0.1, ends_s - time.monotonic())), 512):
                self._read(self._by_file[file])
            if time.monotonic() >= ends_s:
                return

    def close(self, pages: list[Page]) -> None:
        """As a browser does that leaves the page."""
        for page in pages:
            if page.sock is not None:
                with suppress(OSError):
                    _send(page, CLOSE, pack("!H", PAGE_UNLOAD))
                self._forget(page)

    def leave(self) -> None:
        self.close(list(self._by_file.values()))
        self._epoll.close()
        self._http.close()

    def _post(self, path: str, body: dict, page: Page) -> None:
        if time.monotonic() - self._posted_s > KEPT_ALIVE_S:
            self._http.close()  # the server may have done so; the next request opens it again
        self._posted_s = time.monotonic()
        self._http.request("POST", path, json.dumps(body), {**JSON, "User-Agent": page.agent})
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path} was answered {answer.status}: {said[:300]!r}")

    def _dial(self, page: Page, kind: str) -> Page:
        page.kind = kind
        page.sock = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S)
        page.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        page.sock.sendall(_handshake(page))
        page.sock.setblocking(False)
        self._by_file[page.sock.fileno()] = page
        self._epoll.register(page.sock.fileno(), select.EPOLLIN)
        return page

    def _read(self, page: Page) -> None:
        assert page.sock is not None
        try:
            data = page.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            raise RuntimeError("the server ended a connection")
        page.rest += data
        if not page.is_upgraded:
            head, found, rest = page.rest.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"the handshake was answered {head[:300]!r}")
            page.is_upgraded, page.rest = True, rest
        self._take_frames(page)

    def _take_frames(self, page: Page) -> None:
        at, data = 0, page.rest
        while len(data) - at >= 2:
            length, start = data[at + 1] & 0x7F, at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
            if len(data) < start + length:
                break
            self._take(page, data[at] & 0x0F, data[start : start + length], start + length - at)
            at = start + length
        page.rest = data[at:]

    def _take(self, page: Page, opcode: int, payload: bytes, size: int) -> None:
        if opcode == PING:
            page.pings += 1
            _send(page, PONG, payload)
        elif opcode == CLOSE:
            raise RuntimeError(f"the server closed a socket: {payload!r}")
        elif page.kind != PLAIN and payload == b"2":
            page.pings += 1
            _send(page, TEXT, b"3")
        elif page.kind != PLAIN and payload.startswith(b"0"):
            _send(page, TEXT, b'40{"visitorId":"%s"}' % page.visitor.encode())
        elif b'"visitor_update"' in payload:
            page.is_ready = True
            page.updates += 1
            page.update_bytes += size

    def _forget(self, page: Page) -> None:
        if page.sock is not None:
            del self._by_file[page.sock.fileno()]
            page.sock.close()
            page.sock = None


def _agent(number: int) -> str:
    """Different ones, so that Redis is told of as many callers as it would be."""
    return (
        f"Mozilla/5.0 (Linux; Android 14; SM-A556E Build/{number:05d}) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/131.0.0.0 Mobile Safari/537.36"
    )


def _handshake(page: Page) -> bytes:
    path = f"/?visitorId={page.visitor}" if page.kind == PLAIN else "/socket.io/?EIO=4&transport=websocket"
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: live.example.com",
        "Origin: https://koyjabo.com",
        f"User-Agent: {page.agent}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def _send(page: Page, opcode: int, payload: bytes) -> None:
    """Masked by zeros: as valid as any other, and nothing to compute. What is sent is short."""
    assert page.sock is not None
    page.sock.sendall(bytes((FINAL | opcode, MASKED | len(payload))) + MASK + payload)
