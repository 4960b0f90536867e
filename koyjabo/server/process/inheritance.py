"""What Linux does with children when their parent dies (prctl(2))."""

from __future__ import annotations

import ctypes
import os
import signal

SET_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36


def adopt_orphans() -> bool:
    """Become the parent of grandchildren whose parent dies. Returns whether the system does that."""
    return _prctl(SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Be killed when the process `parent`, which has forked this one, dies."""
    _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was dead already
        os._exit(1)


def _prctl(option: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
