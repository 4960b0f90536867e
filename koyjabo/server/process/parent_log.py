"""What the parent writes down, in the shape that `koyjabo.logs` gives to everything else. That would bring too much of
the package into a process that is to stay small.
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
    """`style` is LOG_FORMAT."""

    def __init__(self, style: str) -> None:
        self._line = _as_json if style == "json" else _as_text

    def error(self, event: str, exception: str = "", **values: Any) -> None:
        """`exception` is a traceback, where there is one."""
        say(self._line(event, values, exception), sys.stderr)


def say(line: str, stream: TextIO) -> None:
    """A reader of the log that has gone away is no reason to stop serving, nor to fail at the end."""
    try:
        stream.write(f"{line}\n")  # in one piece: workers write beside it
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _as_json(event: str, values: dict[str, Any], exception: str) -> str:
    line = {"time": _now(), "level": "error", "logger": LOGGER, "event": event, **values}
    return json.dumps(line | ({"exception": exception} if exception else {}))


def _as_text(event: str, values: dict[str, Any], exception: str) -> str:
    line = " ".join([_now(), "error", LOGGER, event, *(f"{key}={value!r}" for key, value in values.items())])
    return "\n".join([line, *(f"{INDENT}{each}" for each in exception.splitlines())])


def _now() -> str:
    """`2025-12-16T04:48:38.412Z`, as `koyjabo.clock` writes it."""
    seconds, ms = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{ms:03d}Z"
