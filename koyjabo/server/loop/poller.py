"""Watches all sockets of a worker: the listening socket, HTTP connections and WebSockets."""

import logging
import time
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from typing import Any, Protocol

from koyjabo.base.core.runtime import EventLoop

log = logging.getLogger(__name__)

READ_EVENT, WRITE_EVENT = 0x1, 0x4  # bits of poll(2) and epoll; `select` loses its constants when a worker patches it
HANG_UP_EVENTS = 0x8 | 0x10
"""Events for an error, and for the end of both directions. They are reported even if a watcher requests no events."""

EVENTS_AT_ONCE = 256
BYTES_PER_READ = 16 * 1024

SOCKETS_PASS_S = 0.002
"""How long one pass serves sockets before requests and timers run, s."""


class Watcher(Protocol):
    @property
    def network(self) -> str:
        """The network of the file. All files of a network share a place in the rotation; a file with "" has its own
        place.
        """

    def ready(self, events: int) -> None:
        """Handle a file's events. Must not block, because one loop serves all files."""

    def failed(self) -> None:
        """Clean up after `ready` has raised an error. The file must not stay registered unchanged, because its events
        would repeat forever.
        """


def receive(sock: Any, size: int = BYTES_PER_READ) -> bytes | None:
    """The data that has arrived, up to `size` bytes; b"" at the end of the connection; None if nothing has arrived."""
    try:
        data: bytes = sock.recv(size)
    except BlockingIOError:
        return None
    except OSError:
        return b""
    return data


class Poller:
    """Calls the watchers of files that are ready, on the loop. A file has one watcher.

    A pass ends after SOCKETS_PASS_S. The next pass continues with the files that were not served, one from each network
    in rotation, so that a network with many busy sockets delays only itself (decision 80).
    """

    def __init__(self, runtime: EventLoop) -> None:
        self._runtime = runtime
        self._files = runtime.watch_files(self._serve)
        self.passes = 1  # number of times that sockets were served
        self._watchers: dict[int, Watcher] = {}
        # Events of files that are ready and were not served. Removing a file removes its events, because another file
        # may get the same descriptor.
        self._fresh: dict[int, int] = {}
        self._waiting: OrderedDict[Hashable, OrderedDict[int, int]] = OrderedDict()  # by network
        self._queued: dict[int, Hashable] = {}  # the files in `_waiting`, with their networks
        self._is_due = False

    @property
    def is_behind(self) -> bool:
        """Whether the last pass ended before all files were served."""
        return bool(self._waiting)

    def add(self, fd: int, watcher: Watcher, events: int) -> None:
        self._watchers[fd] = watcher
        self._files.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch for other events. Does nothing for a file without a watcher."""
        if fd in self._watchers:
            self._files.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching a file. Idempotent. Call this before the file is closed."""
        if self._watchers.pop(fd, None) is None:
            return
        self._fresh.pop(fd, None)
        if (network := self._queued.pop(fd, None)) is not None:
            self._waiting[network].pop(fd)
        with suppress(KeyError, OSError):
            self._files.unregister(fd)

    def call(self, watcher: Watcher, events: int) -> None:
        try:
            watcher.ready(events)
        except BaseException:  # the loop would stop calling; time-outs and Rust panics are not subclasses of Exception
            log.exception("connection_failed")
            watcher.failed()

    def call_soon(self, fd: int) -> None:
        """Call a file's watcher in a later pass, as if the file were readable. Does nothing for a file without one."""
        self._wait(fd, READ_EVENT)
        self._go_on()

    def _wait(self, fd: int, events: int) -> None:
        if watcher := self._watchers.get(fd):
            network = self._queued.setdefault(fd, watcher.network or fd)
            if (files := self._waiting.get(network)) is None:
                files = self._waiting[network] = OrderedDict()
            files[fd] = files.get(fd, 0) | events

    def _go_on(self) -> None:
        if self._waiting and not self._is_due:
            self._is_due = True
            self._runtime.soon(self._serve_waiting)

    def _serve_waiting(self) -> None:
        self._is_due = False
        self._serve()

    def _serve(self) -> None:
        if self._is_due:
            return  # `_serve_waiting` follows, after requests and timers
        self.passes += 1
        ends_at = time.monotonic() + SOCKETS_PASS_S
        self._fresh = dict(self._files.poll(0, EVENTS_AT_ONCE))
        if not self._waiting:
            self._serve_fresh(ends_at)
            self._queue_fresh()
        else:
            self._queue_fresh()
            self._serve_queues(ends_at)
        self._go_on()

    def _serve_fresh(self, ends_at: float) -> None:
        """Serve files in any order. Usually this serves all of them, and costs less than queues."""
        for fd in list(self._fresh):
            if events := self._fresh.pop(fd, 0):
                self.call(self._watchers[fd], events)
                if time.monotonic() > ends_at:
                    return

    def _queue_fresh(self) -> None:
        for fd, events in self._fresh.items():
            if fd not in self._queued:  # each poll reports files again until they are served
                self._wait(fd, events)
        self._fresh.clear()

    def _serve_queues(self, ends_at: float) -> None:
        """Serve one file of each network in rotation."""
        while self._waiting:
            network, files = self._waiting.popitem(last=False)
            if not files:
                continue
            fd, events = files.popitem(last=False)
            del self._queued[fd]
            if files:
                self._waiting[network] = files  # at the end
            self.call(self._watchers[fd], events)
            if time.monotonic() > ends_at:
                return
