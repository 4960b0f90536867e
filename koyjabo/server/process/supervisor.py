"""Keeps the workers of a server running: orders them from a loader, and replaces dead ones."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from koyjabo.server.process.listening_socket import ListeningSocket
from koyjabo.server.process.loader import Loader
from koyjabo.server.process.parent_log import ParentLog
from koyjabo.server.process.worker_pipe import WorkerProcess

RESPAWN_INTERVAL_S = 1.0
"""The shortest interval between replacements of a worker that dies at its start."""

LONGEST_RELOAD_INTERVAL_S = 60.0
"""The longest interval between loaders that die one after the other while no worker is missing."""

LOADING_S = 60.0
"""The time to load and to fork a worker."""


class Supervisor:
    def __init__(
        self,
        loader: Loader,
        listener: ListeningSocket,
        wanted: int,
        forks: bool,
        descriptors: list[int],
        log_format: str,
        is_stopping: Callable[[], bool],
    ) -> None:
        """`wanted`: how many workers. `forks`: whether `loader` forks them, or becomes the first one. `descriptors`
        must not be shared with children.
        """
        self._loader: Loader | None = loader
        self._listener = listener
        self._wanted = wanted
        self._forks = forks
        self._descriptors = descriptors
        self._log_format = log_format
        self._is_stopping = is_stopping
        self._log = ParentLog(log_format)
        self._workers: list[WorkerProcess] = []
        self._fork_not_before = 0.0  # monotonic s
        self._load_not_before = 0.0  # the same, while no worker is missing
        self._reload_interval_s = RESPAWN_INTERVAL_S  # doubled for each loader that has forked no worker

    @property
    def is_ready(self) -> bool:
        return any(worker.is_ready for worker in self._workers)

    def has_children(self) -> bool:
        return bool(self._workers or self._loader)

    def unfinished(self) -> list[WorkerProcess]:
        """The workers that may yet report."""
        return [worker for worker in self._workers if not worker.is_over]

    def supervise(self) -> None:
        self.read_reports()
        self._replace_missing()
        self._give_up_overdue()

    def read_reports(self) -> None:
        ended = _reap()  # first: ended processes have reported before
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
        """Signal all children."""
        if is_overdue:  # a worker that has not reported yet cannot report any more, and ends
            self._workers = [worker for worker in self._workers if worker.pid]
        pids = [worker.pid for worker in self._workers if worker.pid]
        for pid in [*pids, self._loader.pid] if self._loader else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if is_overdue else signal.SIGTERM)

    def _replace_missing(self) -> None:
        """Order missing workers from the loader. Several workers keep it, so that the next one is a fork away."""
        missing = set(range(self._wanted)) - {worker.place for worker in self._workers}
        try:
            while missing and self._may_fork():
                self._order(missing.pop())
            if self._forks and self._may_fork() and time.monotonic() >= self._load_not_before:
                self._available_loader()
        except ConnectionError:  # the loader has ended, and is reaped in the next turn
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
        """End a loader that hangs. A worker that has not reported yet cannot report any more, and ends."""
        for worker in self._workers[:]:
            if not worker.pid and time.monotonic() - worker.born > LOADING_S:
                if self._loader and worker in self._ordered_of(self._loader):
                    os.kill(self._loader.pid, signal.SIGKILL)
                self._forget(worker)
                self._fail_to_fork("it takes too long")

    def _ordered_of(self, loader: Loader) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker.born >= loader.born]

    def _fail_to_fork(self, cause: str | None) -> None:
        """No memory, or too many processes: the live workers continue."""
        now = time.monotonic()
        if now >= self._fork_not_before and not self._is_stopping():  # one line for all places
            self._log.error("fork_failed", cause=cause)
        self._fork_not_before = now + RESPAWN_INTERVAL_S

    def _bury(self, worker: WorkerProcess, status: int) -> None:
        self._forget(worker)
        self._fork_not_before = max(self._fork_not_before, worker.born + RESPAWN_INTERVAL_S)
        if not self._is_stopping():  # a negative status is the signal
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
    """The statuses of children that have ended, by pid. Some are orphans: process 1 of a container inherits them."""
    ended = {}
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = child[1]
    return ended
