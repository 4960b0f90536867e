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

from koyjabo.server.process.children import leave_signals_to_the_parent
from koyjabo.server.process.metrics_folder import counting_folder, keep_if_there
from koyjabo.server.process.parent_log import ParentLog, say
from koyjabo.server.process.preparation import Preparation

BACKLOG = 4096
DRAIN_S = 8.0
"""The time a stopping worker has to answer requests and commit; see `worker`."""

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
        self._pid = os.getpid()
        self._stopping_since: float | None = None  # monotonic s
        self._workers: dict[int, Worker] = {}  # by pid
        self._fork_not_before = 0.0  # monotonic s
        self._ready, self._ready_writer = os.pipe()
        self._announced = False

    def run(self) -> int:
        """Serve until a signal. Returns the exit status: 0, or 2 if the operator must fix a setting or the database."""
        self._install_signal_handlers()
        preparation = Preparation()
        while not preparation.done and self._stopping_since is None:
            self._wait(preparation.pipe)
            preparation.receive()
        if self._stopping_since is not None:
            preparation.cancel()
            return 0
        if preparation.settings is None:
            return BAD_SETTINGS
        return self._serve(**preparation.settings)

    def _serve(self, port: int, workers: int, log_format: str) -> int:
        self._log = ParentLog(log_format)
        try:
            self._listener = listen(port)
        except OSError as error:
            say(f"PORT {port} cannot be served on: {error.strerror}. Set PORT.", sys.stderr)
            return BAD_SETTINGS
        self._port = self._listener.getsockname()[1]
        with counting_folder():
            self._supervise(workers)
        return 0

    def _supervise(self, workers: int) -> None:
        while True:
            self._reap()
            if self._stopping_since is None:
                self._replace_missing(workers)
            elif self._workers:
                self._stop_workers()
            else:
                return
            if self._ready in self._wait(self._ready):
                self._announce()

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

    def _wait(self, readable: int) -> list[Any]:
        """Wait for data, a signal, or POLL_INTERVAL_S. Returns the readable sources."""
        sources: list[Any] = [self._signalled, readable]
        found, _, _ = select.select(sources, [], [], POLL_INTERVAL_S)
        if self._signalled in found:
            self._signalled.recv(4096)
        return found

    def _replace_missing(self, wanted: int) -> None:
        while len(self._workers) < wanted and self._stopping_since is None:
            if time.monotonic() < self._fork_not_before:
                return
            place = min(set(range(wanted)) - {worker.place for worker in self._workers.values()})
            try:
                pid = os.fork()
            except OSError as error:  # no memory, or too many processes: the live workers continue
                self._fork_not_before = time.monotonic() + RESPAWN_INTERVAL_S
                self._log.error("fork_failed", cause=error.strerror)
                return
            if pid == 0:
                self._become_worker(place)
            self._workers[pid] = Worker(time.monotonic(), place)

    def _become_worker(self, place: int) -> None:
        status = 1
        try:
            os.environ["KOYJABO_WORKER"] = str(place)
            leave_signals_to_the_parent()
            keep_if_there()
            from koyjabo.server.process.worker import work

            status = work(self._listener, self._pid, self._ready_writer, DRAIN_S)
        except BaseException:
            import traceback

            self._log.error("worker_failed", traceback.format_exc())
        finally:
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(status)

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
            worker = self._workers.pop(pid, None)
            if worker is None or self._stopping_since is not None:
                continue  # an orphan is not ours: process 1 of a container inherits them
            self._fork_not_before = worker.born + RESPAWN_INTERVAL_S
            status = os.waitstatus_to_exitcode(status)  # negative: the signal
            self._log.error("worker_died", pid=pid, status=status)

    def _stop_workers(self) -> None:
        """Signal all workers. The loop repeats this, because a worker that was just forked may miss one signal."""
        assert self._stopping_since is not None
        self._listener.close()
        is_overdue = time.monotonic() - self._stopping_since > KILL_AFTER_S
        for pid in self._workers:
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
