"""The set-up that every child process of the parent runs first."""

from __future__ import annotations

import signal


def leave_signals_to_the_parent() -> None:
    """Restore the default signal handlers and ignore SIGINT: Ctrl+C reaches the whole process group, and the parent
    forwards it to its children as SIGTERM.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
