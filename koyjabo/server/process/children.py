"""Constants and functions that the parent and its child processes share."""

import os
import signal
import sys
from contextlib import suppress

from koyjabo.base.core.json_output import is_json, json_line

TYPE_CHECKING = False  # `typing` would make the parent larger
if TYPE_CHECKING:
    from typing import TextIO

WORKER_DRAIN_S, CLOSE_S = 8.0, 1.0
"""Seconds that a stopping worker has to finish requests, and then to commit pending writes. See `worker`."""

BAD_SETTINGS = 2
"""Exit status if the operator must fix a setting or the database."""

READY_REPORT = "ready"
"""The report of a worker that serves. Any other report says in a sentence why the database cannot be used."""

SET_DEATH_SIGNAL = 1  # prctl(2), on Linux


def leave_signals_to_the_parent() -> None:
    """Restore the default signal handlers, and ignore SIGINT. Ctrl+C reaches the whole process group; the parent
    forwards it to its children as SIGTERM.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of the terminal, likewise
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def die_with(parent: int) -> None:
    """Make the system kill this process when its parent process, `parent`, dies."""
    import ctypes  # imported late, to keep the parent small

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it had already died
        os._exit(1)


def refuse(sentence: str) -> None:
    """Print why the server does not start, or why a worker cannot use the database."""
    say(sentence, sys.stderr, "start_refused", "error")


def say(sentence: str, stream: "TextIO", event: str, level: str = "info", **fields: str | None) -> None:
    """Print a sentence or, with LOG_FORMAT=json, an object. If the stream's reader is gone, discard this and further
    output.
    """
    line = json_line(event, level, message=sentence, **fields) if is_json() else sentence
    with suppress(OSError):
        stream.write(f"{line}\n")  # in one call, because workers write to the same stream
    flush(stream)


def flush(stream: "TextIO") -> None:
    """Write what the stream has buffered. If its reader is gone, discard this and all further output."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
