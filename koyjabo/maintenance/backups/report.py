"""What a backup's process tells its server, as lines of JSON on its standard output: each is a whole BackupReport."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from koyjabo.core.child_process import ChildProcess
from koyjabo.core.runtime import Advance

WRITING, KEEPING, SENDING, FETCHING = "writing", "keeping", "sending", "fetching"
RESTORING, VERIFYING, ROTATING = "restoring", "verifying", "rotating"

INTERVAL_S = 0.5
"""Between two lines about the progress of a step."""


class BackupReport(NamedTuple):
    """As of now; None is not known yet."""

    step: str = WRITING
    done: int = 0  # of this step, in rows or bytes
    goal: int = 0
    rows: int | None = None
    bytes: int | None = None
    made_ms: int | None = None  # the moment that the backup shows
    epoch: int | None = None
    total: int | None = None
    restored_total: int | None = None
    recount: dict[str, Any] | None = None  # `RecountResult.details`, if the recount of the restored copy found problems
    is_proven: bool = False  # and kept
    kept: tuple[str, ...] | None = None  # the names of all backups that are kept
    is_done: bool = False
    error: str | None = None  # a sentence


def parsed(line: bytes) -> BackupReport:
    values = json.loads(line)
    return BackupReport(**values | {"kept": None if values["kept"] is None else tuple(values["kept"])})


def reported(process: ChildProcess) -> BackupReport:
    """What the process of a backup has told last."""
    return parsed(process.line) if process.line else BackupReport(error=process.problem or None)


class Reporter:
    """Writes reports to a file."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._written_at = 0.0  # monotonic s
        self.report = BackupReport()

    def tell(self, **values: Any) -> None:
        self.report = self.report._replace(**values)
        self._write()

    @contextmanager
    def step(self, name: str, goal: int = 0) -> Iterator[Advance]:
        self.tell(step=name, done=0, goal=goal)
        yield self._advance

    def progress(self, name: str) -> Any:
        """ReportProgress of a step."""
        return lambda goal, _: self.step(name, goal)

    def _advance(self, more: int) -> None:
        self.report = self.report._replace(done=self.report.done + more)
        if time.monotonic() - self._written_at >= INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        os.write(self._file, json.dumps(self.report._asdict()).encode() + b"\n")
