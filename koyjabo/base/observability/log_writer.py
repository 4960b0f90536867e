"""Writes the server's log on a thread, so that no request waits for the reader of the log. Lines that find no room are
dropped and counted. A regular file has no reader, so its lines are written at once.
"""

import logging
import os
import stat
import sys
from _queue import Empty, SimpleQueue  # uses the C queue, whose locks are real even if the standard library is patched
from contextlib import suppress

MAX_WAITING_LINES = 2000
"""Maximum number of lines that wait for the log's reader. Further ones are dropped."""

FLUSH_S = 0.5
"""How long a process that ends waits for the log's reader, s."""


class LogWriter(logging.Handler):
    """Writes to standard error. The thread starts with a process's first line, so that forks have their own."""

    def __init__(self) -> None:
        super().__init__()
        self._file = sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY)
        self._has_reader = not stat.S_ISREG(os.fstat(self._file).st_mode)
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._waiting: SimpleQueue[bytes | SimpleQueue[bool]] = SimpleQueue()
        self._has_thread = False
        self._refused = 0  # lines that found no room; changed by callers of `emit`
        self._failed = 0  # lines that could not be written; changed by the writer, as is `_noted`
        self._noted = 0  # lines whose loss is in the log

    @property
    def dropped(self) -> int:
        """Number of lines of this process that were dropped."""
        return self._refused + self._failed

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() >= MAX_WAITING_LINES:
            self._refused += 1
            return
        try:
            line = self._line(record)
        except Exception:  # a library's message without its arguments must not fail the request
            return self.handleError(record)
        if not self._has_reader:
            return self._write_line(line)
        self._waiting.put(line)
        if not self._has_thread:
            with suppress(RuntimeError):  # the system allows no more threads now
                threading = logging.threading  # type: ignore[attr-defined]  # the original, if it is patched
                threading.Thread(target=self._write, daemon=True).start()
                self._has_thread = True

    def flush(self) -> None:
        """Wait until all lines are written, for at most FLUSH_S."""
        written: SimpleQueue[bool] = SimpleQueue()
        if self._has_thread:
            self._waiting.put(written)
            with suppress(Empty):
                written.get(timeout=FLUSH_S)

    def _write(self) -> None:
        while True:
            line = self._waiting.get()
            if isinstance(line, SimpleQueue):
                line.put(True)
            else:
                self._write_line(line)

    def _write_line(self, line: bytes) -> None:
        has_space = self._is_written(line) and self._waiting.qsize() < MAX_WAITING_LINES // 2
        lost = self.dropped - self._noted
        if has_space and lost and self._is_written(self._note(lost)):
            self._noted += lost

    def _is_written(self, line: bytes) -> bool:
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:  # no reader, or no space
            self._failed += 1
            return False
        return True

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _note(self, lines: int) -> bytes:
        values = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
        return self._line(logging.makeLogRecord({**values, "msg": "log_lines_dropped count=%d", "args": (lines,)}))
