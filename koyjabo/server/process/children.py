"""Constants and functions that the parent and its child processes share."""

from __future__ import annotations

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
        known = comm.read_text().strip()
        comm.write_text(name)
    return known
