"""Watches all sockets of a worker: the listening socket, HTTP connections and WebSockets."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Protocol

from koyjabo.core.runtime import EventLoop

log = logging.getLogger(__name__)

READABLE, WRITABLE = 0x1, 0x4  # bits of poll(2) and epoll; `select` loses its constants when a worker patches it
HUNG_UP = 0x8 | 0x10
"""Events for an error, and for the end of both directions. They are reported even if a watcher requests no events."""

EVENTS_AT_ONCE = 256
READ_SIZE = 16 * 1024


class Watcher(Protocol):
    def ready(self, events: int) -> None:
        """Handle a file's events. Must not block, because one loop serves all files."""

    def failed(self) -> None:
        """Clean up after `ready` has raised an error. The file must not stay registered unchanged, because its events
        would repeat forever.
        """


def receive(sock: Any) -> bytes | None:
    """The data that has arrived, up to READ_SIZE bytes; b"" at the end of the connection; None if nothing
    has arrived.
    """
    try:
        data: bytes = sock.recv(READ_SIZE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    return data


class Poller:
    """Calls the watchers of files that are ready, on the loop. A file has one watcher."""

    def __init__(self, runtime: EventLoop) -> None:
        self._files = runtime.watch_files(self._call_ready)
        self.passes = 1  # number of times that sockets were served
        self._watchers: dict[int, Watcher] = {}
        # Files registered since the last poll. Events from that poll may belong to an earlier file with the same
        # descriptor.
        self._added: set[int] = set()

    def add(self, fd: int, watcher: Watcher, events: int) -> None:
        self._watchers[fd] = watcher
        self._added.add(fd)
        self._files.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch for other events. Does nothing for a file without a watcher."""
        if fd in self._watchers:
            self._files.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching a file. Idempotent. Call this before the file is closed."""
        if self._watchers.pop(fd, None) is not None:
            with suppress(KeyError, OSError):
                self._files.unregister(fd)

    def call(self, watcher: Watcher, events: int) -> None:
        try:
            watcher.ready(events)
        except BaseException:  # the loop would stop calling; time-outs and Rust panics are not subclasses of Exception
            log.exception("connection_failed")
            watcher.failed()

    def _call_ready(self) -> None:
        self._added.clear()
        self.passes += 1
        for fd, events in self._files.poll(0, EVENTS_AT_ONCE):
            watcher = self._watchers.get(fd)
            if watcher is not None and fd not in self._added:
                self.call(watcher, events)
