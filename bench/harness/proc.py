"""What the kernel says of a process and its descendants, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"
"""A state of TCP, as /proc/net/tcp has it."""


def tree(root: int) -> list[int]:
    """`root` and all its living descendants, parents before children."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid in (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()):
        parent = _parent(pid)
        if parent is not None:
            children[parent].append(pid)
    found = [root]
    for pid in found:
        found.extend(children[pid])
    return found


def name(pid: int) -> str:
    """As `ps` shows it; empty when it is gone."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def pss_mb(root: int) -> float:
    """Memory of the whole tree, MB (10⁶ bytes); pages that processes share are counted once."""
    return sum(map(_pss_kb, tree(root))) * 1024 / 1e6


def cpu_us(root: int) -> float:
    """CPU time used so far by the living threads of the whole tree, µs."""
    return sum(_thread_ns(pid) for pid in tree(root)) / 1000


def cpu_with_ended_s(root: int) -> float:
    """CPU time of the living processes of the tree, and of their ended children, s."""
    return sum(_ticks(pid) for pid in tree(root)) / os.sysconf("SC_CLK_TCK")


def accepting(root: int, port: int) -> int:
    """How many processes of the tree wait for connections to a TCP port, with epoll."""
    lines = [line.split() for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]]
    listening = {f"socket:[{line[9]}]" for line in lines if line[1].endswith(f":{port:04X}") and line[3] == LISTEN}
    return sum(_watches(pid, listening) for pid in tree(root))


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


def pin(root: int, core: int) -> None:
    """Keep every process of the tree, and what it starts later, on one core."""
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(pid, {core})


def _parent(pid: int) -> int | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _thread_ns(pid: int) -> int:
    total = 0
    for path in (PROC / str(pid) / "task").glob("*/schedstat"):
        with suppress(OSError):  # that thread has just ended
            total += int(path.read_text().split()[0])
    return total


def _ticks(pid: int) -> int:
    with suppress(OSError):
        return sum(map(int, (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[11:15]))
    return 0


def _watches(pid: int, sockets: set[str]) -> bool:
    """Whether an epoll object of the process has one of these sockets."""
    files, watched = {}, set()
    with suppress(OSError):
        for entry in (PROC / str(pid) / "fd").iterdir():
            files[entry.name] = os.readlink(entry)
        for number in (number for number, what in files.items() if what == "anon_inode:[eventpoll]"):
            lines = (PROC / str(pid) / "fdinfo" / number).read_text().splitlines()
            watched |= {line.split()[1] for line in lines if line.startswith("tfd:")}
    return any(files.get(number) in sockets for number in watched)


def _pss_kb(pid: int) -> int:
    with suppress(OSError):
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0
