"""Controls what happens to child processes on Linux when their parent dies (prctl(2))."""

from __future__ import annotations

import ctypes
import os
import signal

SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36


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
