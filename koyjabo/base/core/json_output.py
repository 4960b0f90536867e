"""Makes each line of a process one JSON object if LOG_FORMAT is json, also before and outside of the log.

This module imports little, because the server's parent process uses it.
"""

import io
import os
import sys
import time

JSON_START = '{"'


def is_json() -> bool:
    """Whether the environment asks for JSON. `.env` may ask for it later."""
    return os.environ.get("LOG_FORMAT", "").strip() == "json"


def json_line(event: str, level: str, **fields: object) -> str:
    """One line of the log, for processes and moments that have no logger."""
    import json  # imported late, to keep the parent small

    now_s = time.time()
    at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now_s))}.{int(now_s % 1 * 1000):03d}Z"
    return json.dumps({"time": at, "level": level, "event": event, **fields}, default=str)


class JsonStream:
    """Standard error whose lines are JSON objects. The log's own lines stay as they are, and so does a prompt, which
    does not end its line.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")  # TypeError for bytes, as Click expects
        for line in filter(str.strip, lines):
            is_object = line.startswith(JSON_START)
            self._stream.write((line if is_object else json_line("message", "error", message=line)) + "\n")
        return len(text)

    def flush(self) -> None:
        prompt, self._line = self._line, ""
        self._stream.write(prompt)
        self._stream.flush()

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def wrap_standard_error() -> None:
    """Call this before anything is written. Idempotent."""
    if is_json() and sys.stderr and not isinstance(sys.stderr, JsonStream):
        sys.stderr = JsonStream(sys.stderr)  # type: ignore[arg-type]
