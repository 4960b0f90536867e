"""One line an event, as key=value or as JSON, on standard error. Never an address, a query or a visitorId."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress

from flask import Flask, Response, request

from koyjabo.clock import iso

request_log = logging.getLogger("koyjabo.requests")


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{iso(int(record.created * 1000))} {record.levelname.lower()} {record.name} {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, style: str) -> None:
    """Send the package's log to standard error. Called by the server and the command line, not by `create_app`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    package = logging.getLogger("koyjabo")
    package.handlers = [handler]
    package.propagate = False
    package.setLevel(level)


def say(sentence: str) -> None:
    """To whoever sits at the terminal; no log keeps it."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()


def log_requests(app: Flask) -> None:
    """A line for each request, where it is asked for (LOG_LEVEL=DEBUG)."""

    @app.after_request
    def line(response: Response) -> Response:
        request_log.debug("request method=%s path=%r status=%d", request.method, request.path, response.status_code)
        return response
