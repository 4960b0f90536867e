"""The pipe for a worker's reports to the parent.

Only processes that may still become the worker hold the write end: the loader until it has forked, then the worker. So
when the pipe closes, the attempt to start the worker is over, whichever process was killed.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any

READ_SIZE = 4096


class WorkerProcess:
    """A worker that the parent has ordered for a place (0, 1, …). A replacement takes the dead worker's place. `pid` is
    0 until the worker reports it. If `is_over` is set without a pid, there is no worker, for the reason in `cause`.
    """

    def __init__(self, place: int) -> None:
        """Create the pipe. Raises OSError if no descriptor is free."""
        self.place = place
        self.born = time.monotonic()  # monotonic s
        self.pid = 0
        self.is_ready = False
        self.is_over = False
        self.cause = "it ended immediately"
        self.unusable = ""
        """Why the database cannot be used, as a sentence; "" unless the worker ended because of it."""
        self._reports, self.writer = os.pipe()
        os.set_blocking(self._reports, False)

    def fileno(self) -> int:
        return self._reports

    def receive(self) -> None:
        """Read new reports."""
        with suppress(BlockingIOError):
            while data := os.read(self._reports, READ_SIZE):
                for line in data.splitlines():
                    vars(self).update(json.loads(line))
            self.is_over = True

    def close(self) -> None:
        os.close(self._reports)


def report(writer: int, **values: Any) -> None:
    """Set attributes of the parent's `WorkerProcess`: `pid`, `is_ready`, `cause` or `unusable`. Raises BrokenPipeError
    if the parent has ended.
    """
    os.write(writer, json.dumps(values).encode() + b"\n")  # less than PIPE_BUF, so it is written in one piece
