"""Many WebSockets in one process, read by one epoll. They record what they receive."""

from __future__ import annotations

import re
import resource
import select
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from struct import unpack
from typing import Self

from support.clients.websocket import CLOSE, KINDS, PING, PONG, TEXT, frame, take_frame, take_handshake, upgrade
from support.programs.patience import PATIENCE_S

REVISION = re.compile(rb'"revision": ?(\d+)')
TYPE = re.compile(rb'"type": ?"(\w+)"')
MAX_SILENT = 200
"""Limit on connections that have not sent their handshake: the server drops silent ones when new ones arrive."""


class Listener:
    """One WebSocket. It answers pings and close frames."""

    def __init__(self, port: int, kind: str, *headers: str) -> None:
        self.revisions: list[int] = []
        self.types: Counter[str] = Counter()
        """How many events of each type came."""
        self.code: int | None = None
        """Code of the server's close frame."""
        self.over = False
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        self._request = upgrade(KINDS[kind].path, *headers)
        self._received = bytearray()
        self._accepted = False

    def on_ready(self) -> None:
        """Handle a new connection or readable data."""
        if self._request:
            self.socket.send(self._request)
            self._request = b""
            return
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if data:
            self._received += data
            self._take()
        else:
            self.over = True

    def _take(self) -> None:
        if not self._accepted:
            self._accepted = take_handshake(self._received) is not None
        while self._accepted and (frame := take_frame(self._received)) is not None:
            self._receive(*frame)

    def _receive(self, opcode: int, payload: bytes) -> None:
        assert self.code is None, f"said after a close frame: {payload[:80]!r}"
        if opcode == TEXT and (match := REVISION.search(payload)):
            self.revisions.append(int(match[1]))
            self.types.update(kind.decode() for kind in TYPE.findall(payload))
        elif opcode == TEXT and payload.startswith(b"0{"):
            self.socket.send(frame("40"))
        elif opcode == TEXT and payload == b"2":
            self.socket.send(frame("3"))
        elif opcode == PING:
            self.socket.send(frame(payload, PONG))
        elif opcode == CLOSE:
            (self.code,) = unpack("!H", payload[:2])
            with suppress(ConnectionError):
                self.socket.send(frame(payload[:2], CLOSE))


class Listeners:
    """The WebSockets of a pool. They read only while `run` waits."""

    def __init__(self, port: int, count: int, *headers: str) -> None:
        _allow_files()
        kinds = tuple(KINDS)
        self._epoll = select.epoll()
        self.all: list[Listener] = []
        self._by_file: dict[int, Listener] = {}
        self._unsent: set[int] = set()
        for number in range(count):
            self._connect(Listener(port, kinds[number % len(kinds)], *headers))
            if len(self._unsent) == MAX_SILENT:
                self._ask_to_come_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()
        for listener in self.all:
            listener.socket.close()

    def _connect(self, listener: Listener) -> None:
        fd = listener.socket.fileno()
        self.all.append(listener)
        self._by_file[fd] = listener
        self._unsent.add(fd)
        self._epoll.register(fd, select.EPOLLOUT)

    def _ask_to_come_in(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self._unsent:
            assert time.monotonic() < deadline, f"{len(self._unsent)} are not connected within {PATIENCE_S} s"
            self._turn()

    def run(self, until: Callable[[Listener], object], what: str, timeout_s: float = PATIENCE_S) -> Self:
        """Read until `until` is true for every listener. Fails after `timeout_s`, with the number still waiting."""
        deadline = time.monotonic() + timeout_s
        waiting = {listener for listener in self.all if not until(listener)}
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} of {len(self.all)} not within {timeout_s} s: {what}"
            for ready in self._turn():
                if until(ready):
                    waiting.discard(ready)
                else:
                    assert not ready.over, f"one was closed ({ready.code}) before: {what}"
        return self

    def _turn(self) -> list[Listener]:
        """Handle the ready connections, and return them."""
        served = []
        for fd, _ in self._epoll.poll(0.1, 512):
            ready = self._by_file[fd]
            ready.on_ready()
            if fd in self._unsent:
                self._unsent.discard(fd)
                self._epoll.modify(fd, select.EPOLLIN)
            if ready.over:
                self._epoll.unregister(fd)
            served.append(ready)
        return served

    def wait_for_first(self) -> Self:
        return self.run(lambda one: one.revisions, "its first event")

    def wait_for_revision(self, revision: int) -> Self:
        return self.run(lambda one: one.revisions and one.revisions[-1] >= revision, f"revision {revision}")

    def are_over(self) -> Self:
        return self.run(lambda one: one.over, "its end")


def _allow_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
