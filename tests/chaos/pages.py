"""Open pages that listen, and some that never read."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from chaos.event_loop import EventLoop
from chaos.journal import Seen, Visit
from chaos.websocket_clients import SocketioClient, WebSocketClient

SILENT_FOR_S = (35.0, 60.0)
"""The server closes a client that does not read, after 30 s at the latest."""

SMALLEST_BUFFER = 2048


class Page:
    """One page of a visit."""

    def __init__(self, event_loop: EventLoop, name: str, line: WebSocketClient, visit: Visit) -> None:
        self.line = line
        self.visit = line.visit = visit
        self.seen = Seen(event_loop.journal, name)
        line.on_open = self.seen.begin_line
        line.on_event = self._receive

    @property
    def is_open(self) -> bool:
        return self.line.state == "open"

    def _receive(self, event: dict[str, Any]) -> None:
        self.line.event_loop.journal.note("updates received by pages")
        self.seen.see(event["stats"], pushed=True)


class SilentClient(WebSocketClient):
    """Opens a socket and never reads it, resets it after a while, and connects again."""

    def on_ready(self) -> None:
        assert self._socket is not None
        try:
            self._socket.send(self._request)
        except OSError:  # the server is down
            self._end()
            return
        self.event_loop.forget(self._socket.fileno())
        self.state = "open"
        self.event_loop.later(self.event_loop.chance.uniform(*SILENT_FOR_S), self._go)

    def _new_socket(self) -> socket.socket:
        made = super()._new_socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
        return made

    def _go(self) -> None:
        if self.should_be_open:
            self.reset()


def open_pages(event_loop: EventLoop, visits: Sequence[Visit]) -> list[Page]:
    """Open two pages of each visit: one with a plain socket, one with Socket.IO."""
    made = []
    for number in range(2 * len(visits)):
        line = WebSocketClient(event_loop) if number % 2 else SocketioClient(event_loop)
        made.append(Page(event_loop, f"page {number}", line, visits[number // 2]))
        event_loop.call(line.open)
    return made


def open_silent_pages(event_loop: EventLoop, count: int) -> list[SilentClient]:
    made = [SilentClient(event_loop) for _ in range(count)]
    for line in made:
        event_loop.call(line.open)
    return made
