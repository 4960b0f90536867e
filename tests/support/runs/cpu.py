"""The CPU time of a test run, and its budget."""

from __future__ import annotations

import resource
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

LOOP, REFERENCE_S = compile("rounds = 0\nwhile rounds < 1_000_000: rounds += 1", "loop", "exec"), 0.036
"""A loop that counts to a million, and its duration in s on the machine that BUDGET_S was measured on."""

BUDGET_S = 300
"""CPU time that `make test` may use, in s. Slower tests belong in `make test-all`; `make test PROFILE=1` shows where it
goes. On a machine whose loop takes longer, the budget is larger.
"""


def used_s() -> float:
    """CPU time of this process and everything it has started. Templates reap the programs that they fork."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(map(_of_process, psutil.Process().children(recursive=True)))
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


def report(terminal: pytest.TerminalReporter, workers_s: float, loop_s: float) -> None:
    """Print the CPU time. `workers_s` is the time of the test processes, and `loop_s` what LOOP took in them."""
    cpu_s = workers_s + time.process_time() + _postgres_s()
    if not terminal.config.option.markexpr:
        return terminal.write_line(f"{cpu_s:.0f} s of CPU")
    budget_s = BUDGET_S * loop_s / REFERENCE_S
    terminal.write_line(f"{cpu_s:.0f} s of CPU, of {budget_s:.0f} s on this machine", red=cpu_s > budget_s)


def loop_s() -> float:
    """CPU time of LOOP. Call this while other processes of the run work, because two busy cores may share one."""

    def once() -> float:
        began = time.thread_time()
        exec(LOOP, {})
        return time.thread_time() - began

    return min(once() for _ in range(3))


def _postgres_s() -> float:
    """CPU time of the shared PostgreSQL, which is not a child of any test process."""
    with suppress(OSError, psutil.Error):
        postmaster = (Path(tempfile.gettempdir()) / "postgres" / "postmaster.pid").read_text().split()[0]
        process = psutil.Process(int(postmaster))
        return sum(map(_of_process, [process, *process.children(recursive=True)]))
    return 0.0


def _of_process(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0
