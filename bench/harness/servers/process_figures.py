"""Figures from /proc about a process and its descendants."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from support.programs.processes import child_pids

PROC = Path("/proc")
LOADED_S, LOADED_MB, LOOK_S = 3, 0.5, 0.5
"""A server has finished loading when its memory changes by less than LOADED_MB for LOADED_S."""


def tree(root: int) -> list[int]:
    """`root` and all its living descendants, parents before children."""
    pids = [root]
    for pid in pids:
        pids.extend(child_pids(pid))
    return pids


def cpu_us(root: int) -> float:
    """CPU time of all live threads in the tree, in µs."""
    return sum(_thread_ns(pid) for pid in tree(root)) / 1000


def rss_mb(pid: int) -> float:
    """Resident memory of one process in MB (10⁶ bytes), or 0 if it is gone."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).memory_info().rss / 1e6
    return 0.0


def tree_rss_mb(root: int) -> float:
    """Resident memory of the whole tree in MB. Memory shared by two of its processes counts twice."""
    return sum(map(rss_mb, tree(root)))


def tree_pss_mb(root: int) -> float:
    """Memory of the whole tree in MB. Memory shared by several of its processes counts once."""
    return sum(map(_pss_mb, tree(root)))


def loaded_mb(root: int, memory_mb: Callable[[int], float]) -> float:
    """A tree's memory once everything is loaded, which takes a few seconds."""
    seen_mb: deque[float] = deque(maxlen=round(LOADED_S / LOOK_S))
    while len(seen_mb) < LOADED_S / LOOK_S or max(seen_mb) - min(seen_mb) > LOADED_MB:
        time.sleep(LOOK_S)
        seen_mb.append(memory_mb(root))
    return seen_mb[-1]


def pin(root: int, core: int) -> None:
    """Keep every process of the tree, and its later children, on one core."""
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {core})


def _pss_mb(pid: int) -> float:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).memory_full_info().pss / 1e6
    return 0.0


def _thread_ns(pid: int) -> int:
    total = 0
    for path in (PROC / str(pid) / "task").glob("*/schedstat"):
        with suppress(OSError):  # the thread has just ended
            total += int(path.read_text().split()[0])
    return total
