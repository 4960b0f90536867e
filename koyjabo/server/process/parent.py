"""The parent process: forks the workers, supervises them, and stops them at the end.

`start` loads the application before the first fork, so that workers share its memory. A single worker has no other to
share with: once it serves, the parent executes its program again to free that memory, and a replacement loads the
application itself (decision 50). So this module imports as little as possible.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from select import select  # imported before the standard library is patched

from .children import (
    BAD_SETTINGS,
    CLOSE_S,
    READY_REPORT,
    TYPE_CHECKING,
    WORKER_DRAIN_S,
    flush,
    leave_signals_to_the_parent,
    refuse,
    say,
)

if TYPE_CHECKING:
    from logging import Logger

    from .listening_socket import ListeningSocket
    from .worker import Application

PROGRAM = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, "wsgi.py"))
"""The program that the parent executes again. It is next to the package, in a checkout and in an installed wheel."""

STATE_VARIABLE = "KOYJABO_PARENT"
"""Environment variable for what the parent must remember when it executes its program again."""

RESPAWN_INTERVAL_S = 1.0
"""Minimum interval between replacements of a worker that dies on startup, s."""

KILL_AFTER_S = WORKER_DRAIN_S + CLOSE_S + 0.75
"""Seconds until workers are killed: longer than a worker takes to stop by itself, even on a busy machine."""

POLL_INTERVAL_S = 0.5
REPORT_BYTES = 4096
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class WorkerProcess:
    """A worker at a place (0, 1, …). A replacement takes the dead worker's place. The worker writes to the pipe
    `reports`. `born` is in monotonic s.
    """

    def __init__(self, place: int, pid: int, reports: int, born: float = 0.0) -> None:
        self.place = place
        self.pid = pid
        self.reports = reports
        self.born = born
        self.is_usable = True  # False after it has reported that the database cannot be used


class Parent:
    """The parent process. Signal handlers only set a field and wake the loop, which does the rest."""

    def __init__(self) -> None:
        """Listen to signals. Until `serve` or `resume`, SIGTERM, SIGINT and SIGHUP end the process at once."""
        self._workers: list[WorkerProcess] = []
        self._application: Application | None = None
        self._announcement = ""
        self._said = ""  # the last report of a worker that could not use the database
        self._alone: WorkerProcess | None = None  # the only worker, once it serves
        self._status = 0
        self._stopping_since: float | None = None  # monotonic s
        self._fork_not_before = 0.0  # monotonic s
        self._is_loading = True
        self._signalled, self._wake = os.pipe()
        for end in (self._signalled, self._wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
            signal.signal(signal.SIGHUP, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self, application: "Application", listener: "ListeningSocket", lock: int, announcement: str) -> int:
        """Fork workers of the loaded application, and print `announcement` when one serves. `lock` belongs to the
        folder of counts. Returns the exit status.
        """
        self._application = application
        self._announcement = announcement
        return self._supervise(application[0].web_concurrency, listener.socket.detach(), listener.is_passed, lock)

    def resume(self) -> int:
        """Supervise the only worker after executing the program again. Returns the exit status."""
        state = os.environ.pop(STATE_VARIABLE)
        listener, is_passed, lock, pid, reports = map(int, state.split())
        for descriptor in (listener, lock, reports):
            os.set_inheritable(descriptor, False)
        self._workers.append(WorkerProcess(0, pid, reports))
        self._is_loading = False  # before a signal that has waited stops the worker
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return self._supervise(1, listener, bool(is_passed), lock)

    def _supervise(self, count: int, listener: int, is_passed: bool, lock: int) -> int:
        """Keep `count` workers running until a signal, or until one finds the database unusable before any serves.
        Returns the exit status.
        """
        self._count, self._listener, self._is_passed, self._lock = count, listener, is_passed, lock
        self._is_loading = False
        while self._stopping_since is None:
            self._fork_missing()
            self._wait()
            ended = _reap()  # before reading, because processes that have exited may have reported before
            for worker in self._workers:
                self._read_report(worker)
            self._bury(ended)
            if self._alone in self._workers and os.access(PROGRAM, os.R_OK):  # it may have died once it was ready
                self._execute_again(self._alone)
        os.close(listener)
        while self._workers:
            is_overdue = time.monotonic() - self._stopping_since > KILL_AFTER_S
            for worker in self._workers:  # repeated, because a worker that was just forked may miss a signal
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL if is_overdue else signal.SIGTERM)
            self._wait()
            for worker in self._workers:
                self._read_report(worker)  # otherwise the next wait would end at once
            self._bury(_reap())
        _clean_up()
        return self._status

    def _stop(self, *_: object) -> None:
        if self._is_loading:  # an exception could be lost in one of the modules that are being imported
            _clean_up()
            os._exit(0)
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()

    def _wait(self) -> None:
        """Wait for a report, a signal, or POLL_INTERVAL_S."""
        select([self._signalled, *(worker.reports for worker in self._workers)], [], [], POLL_INTERVAL_S)
        with suppress(BlockingIOError):
            os.read(self._signalled, REPORT_BYTES)

    def _fork_missing(self) -> None:
        for place in sorted(set(range(self._count)) - {worker.place for worker in self._workers}):
            if time.monotonic() < self._fork_not_before or self._stopping_since is not None:
                return
            try:
                self._fork(place)
            except OSError as error:  # no memory, descriptors or processes: existing workers continue
                self.log().error("fork_failed cause=%r", error.strerror)
                self._fork_not_before = time.monotonic() + RESPAWN_INTERVAL_S

    def _fork(self, place: int) -> None:
        reports, writer = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(reports)
            os.close(writer)
            raise
        if pid == 0:
            self._become_worker(place, parent, writer, (reports, *(worker.reports for worker in self._workers)))
        os.close(writer)
        os.set_blocking(reports, False)
        self._workers.append(WorkerProcess(place, pid, reports, time.monotonic()))

    def _become_worker(self, place: int, parent: int, writer: int, of_parent: tuple[int, ...]) -> None:
        """Serve, then exit. `of_parent` are descriptors that a worker does not share."""
        status = 1
        try:
            leave_signals_to_the_parent()
            for descriptor in (self._signalled, self._wake, *of_parent):
                os.close(descriptor)
            # Imported before the standard library is patched.
            from . import listening_socket, loading, metrics_folder

            os.environ["KOYJABO_WORKER"] = str(place)
            metrics_folder.keep_if_there()
            application = self._application
            if application is None and (settings := loading.load_settings()):
                application = loading.load_application(settings)
            if application:
                from .worker import work

                listener = listening_socket.of(self._listener, self._is_passed)
                status = work(listener, parent, writer, WORKER_DRAIN_S, application)
        except BaseException:
            self.log().exception("worker_failed")
        finally:
            import logging  # imported late, to keep the parent small

            logging.shutdown()
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(status)

    def _read_report(self, worker: WorkerProcess) -> None:
        report = ""
        with suppress(BlockingIOError):
            report = os.read(worker.reports, REPORT_BYTES).decode()
        if report == "" or self._stopping_since is not None:
            return
        if report == READY_REPORT:
            self._said = ""
            if self._announcement:
                say(self._announcement, sys.stdout, "serving")
                self._announcement = ""
            if self._count == 1 and self._application:
                self._alone = worker
            return
        worker.is_usable = False
        if report != self._said:  # replacements find the same, every second
            self._said = report
            refuse(report)
        if self._announcement:  # no worker serves
            self._status = BAD_SETTINGS
            self._stop()

    def _execute_again(self, worker: WorkerProcess) -> None:
        """Replace the application in this process's memory by PROGRAM, which calls `resume`. A signal that came before
        is not passed on, so the program is not executed then.
        """
        self._alone = None  # one attempt is enough
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until `resume` has installed its handlers
        descriptors = (self._listener, self._lock, worker.reports)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        state = (self._listener, int(self._is_passed), self._lock, worker.pid, worker.reports)
        os.environ[STATE_VARIABLE] = " ".join(map(str, state))
        with suppress(OSError):  # Python has been moved, or memory is short
            if self._stopping_since is None:
                os.execv(sys.executable, [sys.executable, PROGRAM])
        del os.environ[STATE_VARIABLE]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _bury(self, ended: dict[int, int]) -> None:
        """Forget workers that have ended. `ended` are the statuses of ended processes, by pid."""
        for worker in [worker for worker in self._workers if worker.pid in ended]:
            os.close(worker.reports)
            self._workers.remove(worker)
            self._fork_not_before = max(self._fork_not_before, worker.born + RESPAWN_INTERVAL_S)
            if worker.is_usable and self._stopping_since is None:  # a negative status is the signal number
                status = os.waitstatus_to_exitcode(ended[worker.pid])
                self.log().error("worker_died pid=%d status=%d", worker.pid, status)

    def log(self) -> "Logger":
        import logging  # imported late, to keep this process small

        if not logging.getLogger("koyjabo").handlers:
            from koyjabo.base.observability import logs

            logs.write_behind("ERROR", os.environ.get("LOG_FORMAT", "text").strip())
        return logging.getLogger(__name__)


def _reap() -> dict[int, int]:
    """Reap ended children and return their statuses by pid. In a container, process 1 also inherits orphans."""
    ended = {}
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = child[1]
    return ended


def _clean_up() -> None:
    """Remove the folder of counts, and write out the log before the process ends."""
    from . import metrics_folder  # imported late, to keep this process small

    metrics_folder.remove()
    for stream in (sys.stdout, sys.stderr):
        flush(stream)  # otherwise Python fails at its end if the reader of the log is gone
