"""The CPU time of a test run, which a slow or busy machine changes less than the duration."""

from __future__ import annotations

import resource
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil


def used_s() -> float:
    """CPU time of this process and everything it has started. Templates reap the programs that they fork."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = sum(map(_of_process, psutil.Process().children(recursive=True)))
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


def postgres_s() -> float:
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
