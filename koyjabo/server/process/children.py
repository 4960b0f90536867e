"""Constants and functions that the parent and its child processes share."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

LOADER_NAME = "koyjabo-loader"

DRAIN_S, CLOSE_S = 8.0, 1.0
"""Seconds that a stopping worker has to finish requests, and then to commit pending writes. See `worker`."""


def leave_signals_to_the_parent() -> None:
    """Restore the default signal handlers, and ignore SIGINT. Ctrl+C reaches the whole process group; the parent
    forwards it to its children as SIGTERM.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def take_name(name: str) -> str:
    """Set the name of this process in `ps` and `top`, at most 15 bytes. Returns its previous name."""
    comm, known = Path("/proc/self/comm"), ""
    with suppress(OSError):
        known = comm.read_text(encoding="utf-8").strip()
        comm.write_text(name, encoding="utf-8")
    return known


SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36  # prctl(2), on Linux


def adopt_orphans() -> bool:
    """Make this process the parent of orphaned descendants. Returns whether the system supports it."""
    return _prctl(SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Make the system kill this process when its parent process, `parent`, dies."""
    _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it had already died
        os._exit(1)


def _prctl(option: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
