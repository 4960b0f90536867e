"""Many WebSockets in one process, read by one epoll. They record what they receive."""

from __future__ import annotations

import re
import resource
import select
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from support.clients.websocket import CLOSE, KINDS, TEXT, Frame, WebSocket, answer, close, take_frame
from support.programs.patience import PATIENCE_S

REVISION = re.compile(rb'"revision": ?(\d+)')
TYPE = re.compile(rb'"type": ?"(\w+)"')


class Listener:
    """One WebSocket. It answers pings and close frames."""

    def __init__(self, client: WebSocket) -> None:
        self.client = client
        self.revisions: list[int] = []
        self.types: Counter[str] = Counter()
        """How many events of each type came."""
        self.code: int | None = None
        """Code of the server's close frame."""
        self.is_over = False

    def read(self) -> None:
        """Handle what can be read now."""
        try:
            data = self.client.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        self.is_over = not data
        self.client.received += data
        self.handle_frames()

    def handle_frames(self) -> None:
        while (frame := take_frame(self.client.received)) is not None:
            self._handle(frame)

    def _handle(self, frame: Frame) -> None:
        assert self.code is None, f"sent after a close frame: {frame}"
        if frame.opcode == TEXT and (match := REVISION.search(frame.payload)):
            self.revisions.append(int(match[1]))
            self.types.update(kind.decode() for kind in TYPE.findall(frame.payload))
        elif frame.opcode == CLOSE:
            self.code = int.from_bytes(frame.payload[:2])
            with suppress(ConnectionError):  # the server may not wait for this
                self.client.send(close(self.code))
        else:
            answer(self.client, frame)


class Listeners:
    """The WebSockets of a pool, of both kinds in turn. They read only while `run` waits."""

    def __init__(self, port: int, count: int, *headers: str) -> None:
        _, max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))
        kinds = list(KINDS.values())
        self.all = [Listener(kinds[number % len(kinds)](port, *headers)) for number in range(count)]
        self._by_file = {listener.client.socket.fileno(): listener for listener in self.all}
        self._epoll = select.epoll()
        for file in self._by_file:
            self._epoll.register(file, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()
        for listener in self.all:
            listener.client.end()

    def run(self, until: Callable[[Listener], object], what: str) -> Self:
        """Read until `until` is true for every listener. Fails after PATIENCE_S, with the number still waiting."""
        deadline = time.monotonic() + PATIENCE_S
        for listener in self.all:
            listener.handle_frames()
        waiting = {listener for listener in self.all if not until(listener)}
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} of {len(self.all)} not within {PATIENCE_S} s: {what}"
            for file, _ in self._epoll.poll(0.1, 512):
                listener = self._by_file[file]
                listener.read()
                if listener.is_over:
                    self._epoll.unregister(file)
                if until(listener):
                    waiting.discard(listener)
                else:
                    assert not listener.is_over, f"one was closed ({listener.code}) before: {what}"
        return self

    def wait_for_first(self) -> Self:
        return self.run(lambda one: one.revisions, "its first event")

    def wait_for_revision(self, revision: int) -> Self:
        return self.run(lambda one: one.revisions and one.revisions[-1] >= revision, f"revision {revision}")
