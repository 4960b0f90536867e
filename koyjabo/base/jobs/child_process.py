"""A process for long-running work, such as a backup: how a worker starts, monitors and ends it, and how the process
reports to the worker (`Reporter`).

It has its own interpreter, because a fork of a worker would copy its locks, sockets and event loop. Its standard input
is a pipe from the worker, so it notices when the worker dies.
"""

import ctypes
import json
import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from koyjabo.base.core import installation
from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.base.core.runtime import Advance, ReportProgress, Runtime
from koyjabo.base.database.outage_causes import reason_of

log = logging.getLogger(__name__)

AT_ONCE = 65_536
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""The system call's number, by machine. The C library has no function for it."""

IDLE_CLASS = 3 << 13
"""I/O priority: reads and writes only while the disk is idle, if the disk's scheduler supports that."""

NICENESS = 10
"""CPU priority. It gives the process a tenth of a busy core; 19 would give it a hundredth, and a backup might never
finish.
"""

KILLED_FIRST = "1000"
"""The highest out-of-memory score on Linux, so that this process is killed first."""

INHERITED = 3
"""Number of the inherited file descriptor."""

PLAN = "KOYJABO_PLAN"
"""Environment variable that contains the process's plan, as JSON."""

POLL_S, REPORT_S = 0.1, 1.0
"""Seconds between polls of a process, and between its reports."""

Report = dict[str, Any]
"""What a process reports: `done` and `goal` of its step, `is_done` at its end, or a sentence as `error` if it failed.
The rest belongs to the job.
"""


class ChildProcess:
    """Runs `python -m …` with a plan. The process writes reports to standard output as lines of JSON, which a real
    thread reads until the process ends. It inherits the file `inherited`, if given. It has a lower priority than
    visits, unless visits wait for it (`is_urgent`).
    """

    def __init__(
        self,
        runtime: Runtime,
        arguments: Sequence[str],
        plan: Mapping[str, Any],
        inherited: int | None = None,
        is_urgent: bool = False,
    ) -> None:
        self._command = [sys.executable, "-m", *arguments]
        home = str(Path(installation.__file__).parents[3])  # lets the interpreter find this package from any folder
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
        self._environment = {**os.environ, PLAN: json.dumps(plan), "PYTHONPATH": path}
        self._inherited = inherited
        self._is_urgent = is_urgent
        self._pid = 0
        self._is_killed = False
        self._line = b""  # the latest report
        self.problem = ""  # why it could not be started, as a sentence
        self.status: int | None = None  # its exit status once it has ended, or the signal as a negative number
        runtime.start_thread(self._main)

    def kill(self) -> None:
        """Kill the process and its children at once. Idempotent."""
        self._is_killed = True
        self._signal(signal.SIGKILL)

    def ask_to_end(self) -> None:
        """Send SIGTERM, so that it can finish its current work."""
        self._signal(signal.SIGTERM)

    def report(self) -> Report:
        """The process's last report."""
        report: Report = json.loads(self._line) if self._line else {"error": self.problem}
        return report

    def follow(self, on_report: Callable[[Report], bool], stop: Callable[[], None]) -> Report:
        """Wait until the process ends, and return its last report. `on_report` is called with the latest report every
        REPORT_S. If it returns False, the job was taken over or cancelled, and `stop` is called.
        """
        tell_at = 0.0
        while self.status is None:
            if time.monotonic() >= tell_at:
                tell_at = time.monotonic() + REPORT_S
                if not on_report(self.report()):
                    stop()
            time.sleep(POLL_S)
        return self.report()

    def _signal(self, number: int) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, number)

    def _main(self) -> None:
        lifeline_end, lifeline = os.pipe()
        reports, reports_end = os.pipe()
        try:
            self._spawn(lifeline_end, reports_end)
        except OSError as error:  # out of memory, or too many processes
            self.problem = f"Its process cannot be started: {error.strerror}."
        finally:
            os.close(lifeline_end)
            os.close(reports_end)
        try:
            self._read(reports)
        finally:
            os.close(reports)
            os.close(lifeline)
            pid, self._pid = self._pid, 0  # before the pid can be reused
            self.status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 1

    def _spawn(self, stdin: int, stdout: int) -> None:
        """Start the process in a new process group in the same session, because Linux ignores niceness between
        sessions.
        """
        files = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)]
        if self._inherited is not None:
            files.append((os.POSIX_SPAWN_DUP2, self._inherited, INHERITED))
        defaults = (signal.SIGINT, signal.SIGTERM)
        pid = os.posix_spawn(
            sys.executable, self._command, self._environment, file_actions=files, setpgroup=0, setsigdef=defaults
        )
        if not self._is_urgent:
            _lower_priority(pid)
        self._pid = pid
        if self._is_killed:
            self.kill()

    def _read(self, reports: int) -> None:
        waiting = b""
        while self._pid and (more := os.read(reports, AT_ONCE)):
            *lines, waiting = (waiting + more).split(b"\n")
            if lines:
                self._line = lines[-1]


def end_with_parent() -> None:
    """Kill this process and its children when the pipe on standard input is closed."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _lower_priority(pid: int) -> None:
    """Lower a process's CPU and disk priority, and make it the first to be killed when memory runs out. Its children
    inherit these settings.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(KILLED_FIRST, encoding="utf-8")
    call = IOPRIO_SET.get(platform.machine()) if sys.platform == "linux" else None
    if call:
        ctypes.CDLL(None).syscall(call, 1, pid, IDLE_CLASS)  # 1: a process


INTERVAL_S = 0.5
"""Interval between lines that report a step's progress, s."""

STDOUT = 1


def read_plan() -> dict[str, Any]:
    """The plan that this process received from its worker."""
    values: dict[str, Any] = json.loads(os.environ[PLAN])
    return values


class Reporter:
    """Writes reports to a file, one per line. Each is the complete `report`, which begins with `values`."""

    def __init__(self, file: int = STDOUT, **values: Any) -> None:
        self._file = file
        self._written_at = 0.0  # monotonic s
        self.report: Report = {"done": 0, "goal": 0, **values}

    def run(self, name: str, use: str, work: Callable[[], object]) -> None:
        """Do this process's work, and report an error that ends it. `name` is the job's name in the log, and `use` is
        how it uses the database, for the error message: "read" or "used".
        """
        end_with_parent()
        try:
            work()
        except LedgerUnavailable as error:
            self.send(error=f"The database cannot be {use}: {reason_of(error)}.")
        except KoyJaboError as error:
            self.send(error=str(error))
        except Exception as error:
            log.exception("%s_failed", name)
            self.send(error=f"{type(error).__name__}: {error}")

    def send(self, **values: Any) -> None:
        self.note(**values)
        self._write()

    def note(self, **values: Any) -> None:
        """Change the report without writing it yet; the next line will include the change."""
        self.report |= values

    @contextmanager
    def step(self, goal: int = 0, **values: Any) -> Iterator[Advance]:
        self.send(**values, done=0, goal=goal)
        yield self._advance

    def progress(self, **values: Any) -> ReportProgress:
        """Return a function that reports a step's progress."""
        return lambda goal, label: self.step(goal, **values)

    def _advance(self, more: int) -> None:
        self.report["done"] += more
        if time.monotonic() - self._written_at >= INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        os.write(self._file, json.dumps(self.report).encode() + b"\n")
