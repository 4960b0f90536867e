"""The parent process: owns the listening socket, replaces dead workers, and stops them at the end."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any, NamedTuple

from koyjabo.server.process.children import DRAIN_S
from koyjabo.server.process.inheritance import adopt_orphans
from koyjabo.server.process.loader import Loader
from koyjabo.server.process.metrics_folder import counting_folder
from koyjabo.server.process.parent_log import ParentLog, say

BACKLOG = 4096
KILL_AFTER_S = DRAIN_S + 1.0
RESPAWN_INTERVAL_S = 1.0
"""The shortest interval between replacements of a worker that dies at its start."""

POLL_INTERVAL_S = 0.5
BAD_SETTINGS = 2


class Worker(NamedTuple):
    born: float  # monotonic s
    place: int  # 0, 1, …; a replacement takes the place of the dead worker


class Parent:
    """Signal handlers only set a field and wake the loop, which does everything else."""

    def __init__(self) -> None:
        self._stopping_since: float | None = None  # monotonic s
        self._workers: dict[int, Worker] = {}  # by pid
        self._loader: Loader | None = None
        self._ordered: set[int] = set()  # places of workers that the loader has not reported yet
        self._ended: dict[int, int] = {}  # statuses by pid, of children that it may yet report
        self._fork_not_before = 0.0  # monotonic s
        self._listener: socket.socket | None = None
        self._ready, self._ready_writer = os.pipe()
        self._announced = False

    def run(self) -> int:
        """Serve until a signal. Returns the exit status: 0, or 2 if the operator must fix a setting or the database."""
        self._install_signal_handlers()
        with counting_folder():
            self._loader = loader = Loader(True, False, self._descriptors())
            while loader.settings is None and not loader.is_done and self._stopping_since is None:
                self._wait(loader)
                loader.receive()
            if loader.settings is None or self._stopping_since is not None:
                loader.kill()
                return 0 if self._stopping_since is not None else BAD_SETTINGS
            return self._serve(loader, **loader.settings)

    def _serve(self, loader: Loader, port: int, workers: int, log_format: str) -> int:
        self._log = ParentLog(log_format)
        try:
            self._listener = listen(port)
        except OSError as error:
            say(f"PORT {port} cannot be served on: {error.strerror}. Set PORT.", sys.stderr)
            loader.kill()
            return BAD_SETTINGS
        self._port = self._listener.getsockname()[1]
        self._share = workers > 1 and adopt_orphans()
        self._supervise(workers)
        return 0

    def _supervise(self, workers: int) -> None:
        while True:
            self._reap()
            if self._stopping_since is None:
                self._replace_missing(workers)
            elif self._workers or self._loader:
                self._stop_children()
            else:
                return
            found = self._wait(self._ready, *([self._loader] if self._loader else []))
            if self._ready in found:
                self._announce()
            if self._loader and self._loader in found:
                self._receive(self._loader)

    def _install_signal_handlers(self) -> None:
        self._signalled, wake = socket.socketpair()
        self._signalled.setblocking(False)
        wake.setblocking(False)
        self._wake = wake  # a reference keeps the socket open
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._record_stop)
        signal.signal(signal.SIGINT, self._record_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _record_stop(self, *_: object) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()

    def _wait(self, *readable: int | Loader) -> list[Any]:
        """Wait for data, a signal, or POLL_INTERVAL_S. Returns the readable sources."""
        sources: list[Any] = [self._signalled, *readable]
        found, _, _ = select.select(sources, [], [], POLL_INTERVAL_S)
        if self._signalled in found:
            self._signalled.recv(4096)
        return found

    def _replace_missing(self, wanted: int) -> None:
        """Order what is missing of the loader. Several workers keep it, so that the next one is a fork away."""
        if self._loader and self._loader.status is not None:
            return
        missing = set(range(wanted)) - {worker.place for worker in self._workers.values()} - self._ordered
        while missing or (self._share and self._loader is None):
            if time.monotonic() < self._fork_not_before or self._stopping_since is not None:
                return
            try:
                loader = self._loader = self._loader or Loader(False, self._share, self._descriptors())
            except OSError as error:
                self._fail_to_fork(error.strerror)
                return
            if missing:
                self._order(loader, missing.pop())

    def _descriptors(self) -> list[int]:
        sockets = [self._signalled, self._wake, *([self._listener] if self._listener else [])]
        return [*(each.fileno() for each in sockets), self._ready, self._ready_writer]

    def _order(self, loader: Loader, place: int) -> None:
        assert self._listener is not None
        loader.order(place, self._listener, self._ready_writer, self._share)
        if self._share:
            self._ordered.add(place)
        else:
            loader.close()
            self._loader = None
            self._workers[loader.pid] = Worker(time.monotonic(), place)

    def _fail_to_fork(self, cause: str | None) -> None:
        """No memory, or too many processes: the live workers continue."""
        self._fork_not_before = time.monotonic() + RESPAWN_INTERVAL_S
        self._log.error("fork_failed", cause=cause)

    def _receive(self, loader: Loader) -> None:
        for place, pid, cause in loader.receive():
            self._ordered.discard(place)
            if not pid:
                self._fail_to_fork(cause)
                continue
            self._workers[pid] = Worker(time.monotonic(), place)
            if pid in self._ended:
                self._bury(pid, self._ended.pop(pid))
        if not self._ordered:
            self._ended.clear()
        if loader.is_done and loader.status is not None:
            self._bury_loader(loader, loader.status)

    def _announce(self) -> None:
        os.read(self._ready, 4096)
        if not self._announced and self._stopping_since is None:
            self._announced = True
            say(f"Koy Jabo Live is serving on http://localhost:{self._port} (stop it with Ctrl+C)", sys.stdout)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._loader and pid == self._loader.pid:
                self._loader.status = status  # it is buried when all that it has forked is known
            elif pid in self._workers:
                self._bury(pid, status)
            elif self._ordered:
                self._ended[pid] = status
            # Any other is an orphan and not ours: process 1 of a container inherits them.

    def _bury(self, pid: int, status: int) -> None:
        worker = self._workers.pop(pid)
        if self._stopping_since is None:
            self._fork_not_before = worker.born + RESPAWN_INTERVAL_S
            self._log.error("worker_died", pid=pid, status=os.waitstatus_to_exitcode(status))  # negative: the signal

    def _bury_loader(self, loader: Loader, status: int) -> None:
        loader.close()
        self._loader = None
        self._ordered.clear()
        self._ended.clear()
        if self._stopping_since is None:
            self._fork_not_before = time.monotonic() + RESPAWN_INTERVAL_S
            self._log.error("loader_died", pid=loader.pid, status=os.waitstatus_to_exitcode(status))

    def _stop_children(self) -> None:
        """Signal all children. The loop repeats this, because a worker that was just forked may miss one signal."""
        assert self._stopping_since is not None
        assert self._listener is not None
        self._listener.close()
        is_overdue = time.monotonic() - self._stopping_since > KILL_AFTER_S
        loaders = [self._loader.pid] if self._loader and self._loader.status is None else []
        for pid in (*self._workers, *loaders):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if is_overdue else signal.SIGTERM)


def listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: a page in several segments would wait 40 ms for an acknowledgement (RFC 896, 1122).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("", port))
    listener.listen(BACKLOG)
    return listener
