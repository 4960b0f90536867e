"""Writes one line per event to standard error, as key=value or as JSON. Lines never contain an address, a query or a
visitorId.

Log calls have the form `log.info("event key=%s other=%r", …)`; both formats are made from it. A logged value cannot
forge a line: control characters are escaped, and traceback lines are indented.
"""

import json
import logging
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from koyjabo.base.core.clock import iso
from .log_writer import LogWriter

LOGGED_KEY = re.compile(r"\b(\w++)=%[^\s%]*[a-z]")
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
INDENT = "    "

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The current request's id, which its log lines contain."""


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        id = request_id.get()
        request = f" request={id}" if id else ""
        message = record.getMessage().translate(CONTROL)
        line = f"{_time(record)} {record.levelname.lower()} {record.name} {message}{request}"
        traceback = self.formatException(record.exc_info).splitlines() if record.exc_info else []
        return "\n".join([line, *(INDENT + text.translate(CONTROL) for text in traceback)])


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_fields(record),
        }
        if id := request_id.get():
            line["request"] = id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # as ASCII, because Unicode has other line breaks, such as U+2028


def _time(record: logging.LogRecord) -> str:
    return iso(int(record.created * 1000))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The event and its values. A message in any other form counts as an event without values."""
    args = record.args if isinstance(record.args, tuple) else ()
    keys = LOGGED_KEY.findall(str(record.msg))
    if not args or len(keys) != len(args):
        return {"event": record.getMessage()}
    return {"event": event_of(record), **dict(zip(keys, args, strict=True))}


def event_of(record: logging.LogRecord) -> str:
    return str(record.msg).partition(" ")[0]


def configure(level: str, style: str, handler: logging.Handler | None = None) -> None:
    """Write the package's log to standard error, or to `handler`. Called by the server and the command line, not by
    `create_app`.
    """
    handler = handler or logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    package = logging.getLogger("koyjabo")
    package.handlers = [handler]
    package.propagate = False
    package.setLevel(level)


class ErrorCounter(logging.Handler):
    """Counts ERROR lines by event."""

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:
        self._count(event_of(record))


def write_behind(level: str, style: str) -> None:
    """Configure a process of the server: its log, and libraries' warnings, never make a request wait (`LogWriter`)."""
    logging.lastResort = writer = LogWriter()
    configure(level, style, writer)


def dropped_lines() -> int:
    """Number of lines that this process's log has dropped."""
    handlers = logging.getLogger("koyjabo").handlers
    return sum(handler.dropped for handler in handlers if isinstance(handler, LogWriter))


def count_errors(count: Callable[[str], None]) -> None:
    """Call `count` with the event of every ERROR line. The server calls this after `configure`."""
    logging.getLogger("koyjabo").addHandler(ErrorCounter(count))


def print_to_operator(sentence: str) -> None:
    """Write a sentence to standard error for the operator, outside the log."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
