"""The parent process: owns the listening socket, has its workers supervised, and stops them at the end."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress

from koyjabo.server.process.children import CLOSE_S, DRAIN_S
from koyjabo.server.process.inheritance import adopt_orphans
from koyjabo.server.process.listening_socket import ListeningSocket, UnusableSocket, listen, passed
from koyjabo.server.process.loader import Loader
from koyjabo.server.process.metrics_folder import counting_folder
from koyjabo.server.process.parent_log import how_killed, say
from koyjabo.server.process.supervisor import Supervisor
from koyjabo.server.process.worker_pipe import WorkerProcess

KILL_AFTER_S = DRAIN_S + CLOSE_S + 0.75
"""Later than a worker leaves by itself, also on a busy machine."""

POLL_INTERVAL_S = 0.5
ORPHANS_S = 1.0
"""The time for children of a killed loader to end."""

BAD_SETTINGS = 2


class Parent:
    """Signal handlers only set a field and wake the loop, which does everything else."""

    def __init__(self) -> None:
        self._stopping_since: float | None = None  # monotonic s
        self._passed: ListeningSocket | None = None

    def run(self) -> int:
        """Serve until a signal. Returns the exit status: 0, or 2 if the operator must fix a setting or the database."""
        try:
            self._passed = passed()
        except UnusableSocket as error:
            say(str(error), sys.stderr)
            return BAD_SETTINGS
        self._install_signal_handlers()
        adopts = adopt_orphans()  # before the first loader, which may be killed while a child of it migrates
        with counting_folder():
            loader = Loader(True, self._descriptors(), "text")
            while loader.settings is None and not loader.is_done and self._stopping_since is None:
                self._wait(loader)
                loader.receive()
            if loader.settings is None or self._stopping_since is not None:
                return self._give_up(loader)
            return self._serve(loader, adopts, **loader.settings)

    def _give_up(self, loader: Loader) -> int:
        """Returns the exit status."""
        status = loader.end()
        _wait_for_orphans()
        if self._stopping_since is not None:
            return 0
        if os.WIFSIGNALED(status):
            say(f"The process that loads the application {how_killed(status)}. Start the server again.", sys.stderr)
        return BAD_SETTINGS

    def _serve(
        self, loader: Loader, adopts: bool, host: str, port: int, workers: int, log_format: str, is_development: bool
    ) -> int:
        try:
            listener = self._passed or listen(host, port)
        except OSError as error:
            say(f"{_unusable(host, port, error)}.", sys.stderr)
            loader.end()
            return BAD_SETTINGS
        forks = workers > 1 and adopts
        descriptors = [*self._descriptors(), *([] if self._passed else [listener.socket.fileno()])]
        supervisor = Supervisor(loader, listener, workers, forks, descriptors, log_format, self._is_stopping)
        self._supervise(supervisor, listener, announcement(listener.url, is_development))
        return 0

    def _supervise(self, supervisor: Supervisor, listener: ListeningSocket, words: str) -> None:
        is_announced = False
        while not self._is_stopping():
            supervisor.supervise()
            if supervisor.is_ready and not is_announced and not self._is_stopping():
                is_announced = True
                say(words, sys.stdout)
            self._wait(*supervisor.unfinished())
        listener.socket.close()
        while supervisor.has_children():
            supervisor.stop(self._is_overdue())  # again, because a worker that was just forked may miss one signal
            self._wait(*supervisor.unfinished())
            supervisor.read_reports()

    def _is_stopping(self) -> bool:
        return self._stopping_since is not None

    def _is_overdue(self) -> bool:
        return self._stopping_since is not None and time.monotonic() - self._stopping_since > KILL_AFTER_S

    def _descriptors(self) -> list[int]:
        """Those that children must not share."""
        ours = [self._signalled, self._wake, *([self._passed.socket] if self._passed else [])]
        return [each.fileno() for each in ours]

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

    def _wait(self, *sources: WorkerProcess | Loader) -> None:
        """Wait for a report, a signal, or POLL_INTERVAL_S."""
        ready, _, _ = select.select([self._signalled, *sources], [], [], POLL_INTERVAL_S)
        if self._signalled in ready:
            self._signalled.recv(4096)


def announcement(site: str, is_development: bool) -> str:
    """What is printed when the server answers. In development it leads to the panel, where Getting started is, before
    the home page, which counts the visit of a person who opens it.
    """
    if not is_development:
        return f"Koy Jabo Live is serving on {site} (stop it with Ctrl+C)"
    return (
        f"Koy Jabo Live is serving. Open the panel: {site}/admin (stop the server with Ctrl+C)\n"
        f"What visitors see: {site} (your visit is counted when you open it)"
    )


def _wait_for_orphans() -> None:
    """Until all children have ended, for at most ORPHANS_S."""
    deadline = time.monotonic() + ORPHANS_S
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.01)


def _unusable(host: str, port: int, error: OSError) -> str:
    """A sentence without its full stop."""
    if error.errno == errno.EADDRNOTAVAIL or error.errno == errno.EAFNOSUPPORT:
        return f"HOST {host} cannot be served on: {error.strerror}. Set HOST to an address of this machine"
    return f"PORT {port} cannot be served on: {error.strerror}. Set PORT"
