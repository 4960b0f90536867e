"""What the kernel says of a process and its descendants, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from support.programs.processes import child_pids

PROC = Path("/proc")


def tree(root: int) -> list[int]:
    """`root` and all its living descendants, parents before children."""
    found = [root]
    for pid in found:
        found.extend(child_pids(pid))
    return found


def name(pid: int) -> str:
    """As `ps` shows it; empty when it is gone."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def cpu_us(root: int) -> float:
    """CPU time used so far by the living threads of the whole tree, µs."""
    return sum(_thread_ns(pid) for pid in tree(root)) / 1000


def rss_mb(pid: int) -> float:
    """Resident memory of one process, MB (10⁶ bytes); 0 when it is gone."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def tree_rss_mb(root: int) -> float:
    """Resident memory of the whole tree, MB; pages that two of its processes share count twice."""
    return sum(map(rss_mb, tree(root)))


def tree_pss_mb(root: int) -> float:
    """Memory of the whole tree, MB; a page that several of its processes share counts once."""
    return sum(map(_pss_mb, tree(root)))


def pin(root: int, core: int) -> None:
    """Keep every process of the tree, and what it starts later, on one core."""
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {core})


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _thread_ns(pid: int) -> int:
    total = 0
    for path in (PROC / str(pid) / "task").glob("*/schedstat"):
        with suppress(OSError):  # that thread has just ended
            total += int(path.read_text().split()[0])
    return total
