"""A process for long work, such as a backup: how a worker starts, follows and ends it.

It has its own interpreter: a fork of a worker would have its locks, its sockets and its event loop. Its standard input
is a pipe of which the worker has the other end, so it notices when the worker dies. `reporter` is its side.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from koyjabo.core import installation
from koyjabo.core.runtime import Runtime

AT_ONCE = 65_536
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""The system call, by machine: C's library has none."""

IDLE_CLASS = 3 << 13
"""Reads and writes only while the disk is idle, where the scheduler of the disk knows that."""

NICENESS = 10
"""A tenth of a busy core. With 19 it would be a hundredth, and a backup might never end."""

KILLED_FIRST = "1000"
"""To Linux, of 1000."""

INHERITED = 3
"""The number under which the process has the file that it was given."""

PLAN = "KOYJABO_PLAN"
"""The environment variable with the plan of the process, as JSON."""

POLL_S, TELL_S = 0.1, 1.0
"""Seconds between two polls of a process that is followed, and between two of its reports."""

Report = TypeVar("Report")


class ChildProcess:
    """Runs `python -m …` with a plan, and reads its reports, lines of JSON on its standard output, on a real thread,
    which waits for its end. It has the file `inherited`, if there is one. Visits go before it, unless they wait for it:
    then it `is_urgent`.
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
        self._environment = {**os.environ, PLAN: json.dumps(plan), "PYTHONPATH": _with_this_package()}
        self._inherited = inherited
        self._is_urgent = is_urgent
        self._pid = 0
        self._is_killed = False
        self._line = b""  # the newest report
        self.problem = ""  # why it cannot be started, a sentence
        self.status: int | None = None  # its exit status when it is over, or the signal as a negative number
        runtime.start_thread(self._main)

    def kill(self) -> None:
        """End it and its own children at once. Idempotent."""
        self._is_killed = True
        self._signal(signal.SIGKILL)

    def ask_to_end(self) -> None:
        """SIGTERM, for one that has something to finish."""
        self._signal(signal.SIGTERM)

    def report(self, kind: Callable[..., Report]) -> Report:
        """What it has reported last, as the NamedTuple `kind`."""
        return kind(**json.loads(self._line)) if self._line else kind(error=self.problem)

    def follow(self, kind: Callable[..., Report], tell: Callable[[Report], bool], stop: Callable[[], None]) -> Report:
        """Wait for its end, and return its last report. `tell` is given the newest one every TELL_S. `stop` is called
        when `tell` returns False: the job was taken over or cancelled.
        """
        tell_at = 0.0
        while self.status is None:
            if time.monotonic() >= tell_at:
                tell_at = time.monotonic() + TELL_S
                if not tell(self.report(kind)):
                    stop()
            time.sleep(POLL_S)
        return self.report(kind)

    def _signal(self, number: int) -> None:
        if self._pid:
            with suppress(ProcessLookupError):
                os.killpg(self._pid, number)

    def _main(self) -> None:
        lifeline_end, lifeline = os.pipe()
        reports, reports_end = os.pipe()
        try:
            self._spawn(lifeline_end, reports_end)
        except OSError as error:  # no memory, or too many processes
            self.problem = f"Its process cannot be started: {error.strerror}."
        finally:
            os.close(lifeline_end)
            os.close(reports_end)
        try:
            self._read(reports)
        finally:
            os.close(reports)
            os.close(lifeline)
            self.status = self._wait()

    def _spawn(self, stdin: int, stdout: int) -> None:
        """In a process group of its own, and not in a session: among sessions, Linux gives niceness no meaning."""
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

    def _wait(self) -> int:
        pid, self._pid = self._pid, 0  # before its number can be another's
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 1


def _with_this_package() -> str:
    """PYTHONPATH by which a new interpreter finds this package, wherever it is started."""
    home = str(Path(installation.__file__).parents[2])
    return os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))


def end_with_parent() -> None:
    """Kill this process and its children when the pipe at standard input is closed."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _lower_priority(pid: int) -> None:
    """For the processor, the disk, and memory: where that runs out, it is killed first. Its own children inherit it."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(KILLED_FIRST)
    call = IOPRIO_SET.get(platform.machine()) if sys.platform == "linux" else None
    if call:
        ctypes.CDLL(None).syscall(call, 1, pid, IDLE_CLASS)  # 1: a process
