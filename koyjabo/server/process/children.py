"""What every child of the parent does first."""

from __future__ import annotations

import signal


def leave_signals_to_the_parent() -> None:
    """Ctrl+C reaches the whole group; it is the parent who passes it on, as SIGTERM."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
