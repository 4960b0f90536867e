"""The parent's log. It has the format of `koyjabo.base.observability.logs`, which would import too much for a process
that must stay small.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, TextIO

LOGGER = "koyjabo.server.process.parent"
INDENT = "    "


class ParentLog:
    """Writes the parent's log. `style` is LOG_FORMAT."""

    def __init__(self, style: str) -> None:
        self._line = _as_json if style == "json" else _as_text

    def error(self, event: str, **values: Any) -> None:
        """Log a line at level ERROR."""
        say(self._line(event, values, ""), sys.stderr)

    def exception(self, event: str) -> None:
        """Log a line at level ERROR with the traceback of the current exception."""
        import traceback  # imported late, to keep the parent small

        say(self._line(event, {}, traceback.format_exc()), sys.stderr)


def say(line: str, stream: TextIO) -> None:
    """Print a line. If the stream's reader is gone, discard this and all further output."""
    try:
        stream.write(f"{line}\n")  # in one call, because workers write to the same stream
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def how_killed(status: int) -> str:
    """Describe what killed a process, from its `os.waitpid` status."""
    return f"was killed by signal {os.WTERMSIG(status)}, often because memory ran out"


def _as_json(event: str, values: dict[str, Any], exception: str) -> str:
    line = {"time": _now(), "level": "error", "logger": LOGGER, "event": event, **values}
    return json.dumps(line | ({"exception": exception} if exception else {}))


def _as_text(event: str, values: dict[str, Any], exception: str) -> str:
    line = " ".join([_now(), "error", LOGGER, event, *(f"{key}={value!r}" for key, value in values.items())])
    return "\n".join([line, *(f"{INDENT}{text}" for text in exception.splitlines())])


def _now() -> str:
    """The time as `2025-12-16T04:48:38.412Z`, as in `koyjabo.base.core.clock`."""
    seconds, ms = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03d}Z"
