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
from koyjabo.base.core.json_output import is_json, json_line
from .log_writer import LogWriter

LINE = re.compile(r"[a-z_]*(?:%s[a-z_]*)?(?: \w+=(?:%[^\s%]*[a-z]|'[^'%]*'))*")
"""The form of the program's own lines."""

FIXED_VALUE = re.compile(r"\b(\w++)='([^'%]*)'")
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
    """The event and its values. A text in any other form, as of a library, is the value of `message`."""
    args = record.args if isinstance(record.args, tuple) else ()
    text, in_event = str(record.msg), event_of(record).count("%")
    keys = LOGGED_KEY.findall(text)
    if not LINE.fullmatch(text) or len(args) != in_event + len(keys):
        return {"event": "message", "message": record.getMessage()}
    event = event_of(record) % args[:in_event]
    return {"event": event, **dict(FIXED_VALUE.findall(text)), **dict(zip(keys, args[in_event:], strict=True))}


def event_of(record: logging.LogRecord) -> str:
    return str(record.msg).partition(" ")[0]


def configure(level: str, style: str, handler: logging.Handler | None = None) -> None:
    """Write the package's log to standard error, or to `handler`. Called by the server and the command line, not by
    `create_app`.
    """
    handler = handler or logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    if style == "json":
        logging.captureWarnings(True)  # one line each
    for name in ("koyjabo", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    logging.getLogger("koyjabo").setLevel(level)


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


def print_to_operator(sentence: str, event: str, **fields: str) -> None:
    """Write a sentence to standard error for the operator, outside the log; with LOG_FORMAT=json, an object to standard
    output.
    """
    with suppress(OSError):
        stream = sys.stdout if is_json() else sys.stderr
        stream.write(f"{json_line(event, 'info', **fields) if is_json() else sentence}\n")
        stream.flush()
