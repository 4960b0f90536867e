"""The parent process: owns the listening socket, supervises the workers, and stops them at the end."""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from koyjabo.server.process.children import CLOSE_S, DRAIN_S, adopt_orphans
from koyjabo.server.process.listening_socket import ListeningSocket, UnusableSocket, listen, passed
from koyjabo.server.process.loader import Loader
from koyjabo.server.process.metrics_folder import counting_folder
from koyjabo.server.process.parent_log import ParentLog, how_killed, say
from koyjabo.server.process.worker_pipe import WorkerProcess

RESPAWN_INTERVAL_S = 1.0
"""Minimum interval between replacements of a worker that dies on startup, s."""

LONGEST_RELOAD_INTERVAL_S = 60.0
"""Maximum interval between loader starts, s, if loaders keep dying while no worker is missing."""

LOADING_S = 60.0
"""Time limit for loading and forking a worker, s."""


class Supervisor:
    def __init__(
        self,
        loader: Loader,
        listener: ListeningSocket,
        count: int,
        forks: bool,
        descriptors: list[int],
        log_format: str,
        is_stopping: Callable[[], bool],
    ) -> None:
        """Keep `count` workers running. If `forks` is set, `loader` forks them; otherwise it becomes the only worker.
        Children must not share `descriptors`.
        """
        self._loader: Loader | None = loader
        self._listener = listener
        self._count = count
        self._forks = forks
        self._descriptors = descriptors
        self._log_format = log_format
        self._is_stopping = is_stopping
        self._log = ParentLog(log_format)
        self._workers: list[WorkerProcess] = []
        self._fork_not_before = 0.0  # monotonic s
        self._load_not_before = 0.0  # the same, while no worker is missing
        self._reload_interval_s = RESPAWN_INTERVAL_S  # doubled for each loader that has not forked a worker
        self.unusable = ""
        """Why a worker could not use the database, as a sentence; "" if none has reported that."""

    @property
    def is_ready(self) -> bool:
        return any(worker.is_ready for worker in self._workers)

    def has_children(self) -> bool:
        return bool(self._workers or self._loader)

    def unfinished(self) -> list[WorkerProcess]:
        """The workers that may still send reports."""
        return [worker for worker in self._workers if not worker.is_over]

    def supervise(self) -> None:
        self.read_reports()
        self._replace_missing()
        self._give_up_overdue()

    def read_reports(self) -> None:
        ended = _reap()  # first, because processes that have exited may have reported before exiting
        for worker in self._workers:
            worker.receive()
        if self._loader and self._loader.pid in ended:
            self._bury_loader(self._loader, ended[self._loader.pid])
        for worker in list(self._workers):
            if worker.pid in ended:
                self._bury(worker, ended[worker.pid])
            elif worker.is_over and not worker.pid:
                self._forget(worker)
                self._fail_to_fork(worker.cause)

    def stop(self, is_overdue: bool) -> None:
        """Send a signal to all children: SIGTERM, or SIGKILL if `is_overdue`."""
        if is_overdue:  # a worker that has not reported yet can no longer report, and exits
            self._workers = [worker for worker in self._workers if worker.pid]
        pids = [worker.pid for worker in self._workers if worker.pid]
        for pid in [*pids, self._loader.pid] if self._loader else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if is_overdue else signal.SIGTERM)

    def _replace_missing(self) -> None:
        """Order missing workers from the loader. With several workers, the loader is kept, so that a replacement needs
        only a fork.
        """
        missing = set(range(self._count)) - {worker.place for worker in self._workers}
        try:
            while missing and self._may_fork():
                self._order(missing.pop())
            if self._forks and self._may_fork() and time.monotonic() >= self._load_not_before:
                self._available_loader()
        except ConnectionError:  # the loader has ended; the next round reaps it
            self._fork_not_before = time.monotonic() + RESPAWN_INTERVAL_S
        except OSError as error:
            self._fail_to_fork(error.strerror)

    def _may_fork(self) -> bool:
        return time.monotonic() >= self._fork_not_before and not self._is_stopping()

    def _order(self, place: int) -> None:
        loader = self._available_loader()
        worker = loader.order(place, self._listener, self._forks)
        self._workers.append(worker)
        if not self._forks:
            worker.pid = loader.pid
            loader.close()
            self._loader = None

    def _available_loader(self) -> Loader:
        if self._loader is None:
            not_shared = [*self._descriptors, *(worker.fileno() for worker in self._workers)]
            self._loader = Loader(False, not_shared, self._log_format)
        return self._loader

    def _give_up_overdue(self) -> None:
        """Kill a loader that takes too long. A worker that has not reported yet counts as ended."""
        for worker in self._workers[:]:
            if not worker.pid and time.monotonic() - worker.born > LOADING_S:
                if self._loader and worker in self._ordered_of(self._loader):
                    os.kill(self._loader.pid, signal.SIGKILL)
                self._forget(worker)
                self._fail_to_fork("it takes too long")

    def _ordered_of(self, loader: Loader) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker.born >= loader.born]

    def _fail_to_fork(self, cause: str | None) -> None:
        """Log that forking has failed, because of too little memory or too many processes. Existing workers
        continue.
        """
        now = time.monotonic()
        if now >= self._fork_not_before and not self._is_stopping():  # a single log line for all workers
            self._log.error("fork_failed", cause=cause)
        self._fork_not_before = now + RESPAWN_INTERVAL_S

    def _bury(self, worker: WorkerProcess, status: int) -> None:
        self._forget(worker)
        self._fork_not_before = max(self._fork_not_before, worker.born + RESPAWN_INTERVAL_S)
        self.unusable = worker.unusable or self.unusable
        if not worker.unusable and not self._is_stopping():  # a negative status is the signal number
            self._log.error("worker_died", pid=worker.pid, status=os.waitstatus_to_exitcode(status))

    def _forget(self, worker: WorkerProcess) -> None:
        worker.close()
        self._workers.remove(worker)

    def _bury_loader(self, loader: Loader, status: int) -> None:
        loader.close()
        self._loader = None
        if any(worker.pid for worker in self._ordered_of(loader)):
            self._reload_interval_s = RESPAWN_INTERVAL_S
        now = time.monotonic()
        self._fork_not_before = now + RESPAWN_INTERVAL_S
        self._load_not_before = now + self._reload_interval_s
        self._reload_interval_s = min(2 * self._reload_interval_s, LONGEST_RELOAD_INTERVAL_S)
        if not self._is_stopping():
            self._log.error("loader_died", pid=loader.pid, status=os.waitstatus_to_exitcode(status))


def _reap() -> dict[int, int]:
    """Reap ended children and return their statuses by pid. In a container, process 1 also inherits orphans."""
    ended = {}
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = child[1]
    return ended


KILL_AFTER_S = DRAIN_S + CLOSE_S + 0.75
"""Seconds until children are killed: longer than a worker takes to stop by itself, even on a busy machine."""

POLL_INTERVAL_S = 0.5
ORPHANS_S = 1.0
"""How long the children of a killed loader have to end, s."""

BAD_SETTINGS = 2

FEWEST_FILES = 64
"""Minimum limit on open files. Workers raise it further, if the system allows."""


class Parent:
    """The parent process. Signal handlers only set a field and wake the loop, which does the rest."""

    def __init__(self) -> None:
        self._stopping_since: float | None = None  # monotonic s
        self._passed: ListeningSocket | None = None

    def run(self) -> int:
        """Serve until a signal. Returns the exit status: 0, or 2 if the operator must fix a setting or the database."""
        if not _may_open_files():
            say(f"The limit on open files is below {FEWEST_FILES}. Raise it, as with ulimit -n 65536.", sys.stderr)
            return BAD_SETTINGS
        try:
            self._passed = passed()
        except UnusableSocket as error:
            say(str(error), sys.stderr)
            return BAD_SETTINGS
        self._install_signal_handlers()
        adopts = adopt_orphans()  # before the first loader, which may be killed while its child migrates
        with counting_folder():
            loader = Loader(True, self._descriptors(), "text")
            while loader.settings is None and not loader.is_done and self._stopping_since is None:
                self._wait(loader)
                loader.receive()
            if loader.settings is None or self._stopping_since is not None:
                return self._give_up(loader)
            return self._serve(loader, adopts, **loader.settings)

    def _give_up(self, loader: Loader) -> int:
        """Stop because the loader has ended. Returns the exit status."""
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
        return self._supervise(supervisor, listener, announcement(listener.url, is_development))

    def _supervise(self, supervisor: Supervisor, listener: ListeningSocket, words: str) -> int:
        """Serve until a signal, or until a worker finds the database unusable before any has served. Returns the exit
        status.
        """
        is_announced, status = False, 0
        while not self._is_stopping():
            supervisor.supervise()
            if supervisor.is_ready and not is_announced and not self._is_stopping():
                is_announced = True
                say(words, sys.stdout)
            if supervisor.unusable:
                say(supervisor.unusable, sys.stderr)
                supervisor.unusable = ""
                if not is_announced and not self._is_stopping():
                    status = BAD_SETTINGS
                    self._record_stop()
            self._wait(*supervisor.unfinished())
        listener.socket.close()
        while supervisor.has_children():
            supervisor.stop(self._is_overdue())  # repeated, because a worker that was just forked may miss a signal
            self._wait(*supervisor.unfinished())
            supervisor.read_reports()
        return status

    def _is_stopping(self) -> bool:
        return self._stopping_since is not None

    def _is_overdue(self) -> bool:
        return self._stopping_since is not None and time.monotonic() - self._stopping_since > KILL_AFTER_S

    def _descriptors(self) -> list[int]:
        """The descriptors that children must not share."""
        ours = [self._signalled, self._wake, *([self._passed.socket] if self._passed else [])]
        return [server.fileno() for server in ours]

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
    """The text to print when the server responds. In development, it mentions the panel before the home page, because
    opening the home page counts a visit.
    """
    if not is_development:
        return f"Koy Jabo Live is serving on {site} (stop it with Ctrl+C)"
    return (
        f"Koy Jabo Live is serving. Open the panel: {site}/admin (stop the server with Ctrl+C)\n"
        f"What visitors see: {site} (your visit is counted when you open it)"
    )


def _may_open_files() -> bool:
    """Raise a lower limit on open files to FEWEST_FILES. Returns False if the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FEWEST_FILES:  # -1 is no limit
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (FEWEST_FILES, hard))
    return not 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEWEST_FILES


def _wait_for_orphans() -> None:
    """Wait until all children have ended, for at most ORPHANS_S."""
    deadline = time.monotonic() + ORPHANS_S
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.01)


def _unusable(host: str, port: int, error: OSError) -> str:
    """The reason why the server cannot listen, as a sentence without its full stop."""
    if error.errno == errno.EADDRNOTAVAIL or error.errno == errno.EAFNOSUPPORT:
        return f"HOST {host} cannot be used: {error.strerror}. Set HOST to an address of this machine"
    return f"PORT {port} cannot be used: {error.strerror}. Set PORT to another port"
