"""The process side of a job: reads its plan, and reports to the worker. The worker's side is `child_process`."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic

from koyjabo.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.core.runtime import Advance, ReportProgress
from koyjabo.database.outage_causes import reason_of
from koyjabo.jobs.child_process import PLAN, Report, end_with_parent

log = logging.getLogger(__name__)

INTERVAL_S = 0.5
"""Interval between lines that report a step's progress, s."""

STDOUT = 1


def read_plan() -> dict[str, Any]:
    """The plan that this process received from its worker."""
    values: dict[str, Any] = json.loads(os.environ[PLAN])
    return values


class Reporter(Generic[Report]):
    """Writes reports to a file, one per line. Each is the complete `report`, a NamedTuple with `done`, `goal` and
    `error`.
    """

    def __init__(self, report: Report, file: int = STDOUT) -> None:
        self._file = file
        self._written_at = 0.0  # monotonic s
        self.report: Any = report

    def run(self, name: str, use: str, work: Callable[[], object]) -> None:
        """Do this process's work, and report an error that ends it. `name` is the job's name in the log, and `use` is
        how it uses the database, for the error message: "read" or "used".
        """
        end_with_parent()
        try:
            work()
        except LedgerUnavailable as error:
            self.send(error=f"The database cannot be {use}: {reason_of(error)}.")
        except KoyJaboError as error:
            self.send(error=str(error))
        except Exception as error:
            log.exception("%s_failed", name)
            self.send(error=f"{type(error).__name__}: {error}")

    def send(self, **values: Any) -> None:
        self.note(**values)
        self._write()

    def note(self, **values: Any) -> None:
        """Change the report without writing it yet; the next line will include the change."""
        self.report = self.report._replace(**values)

    @contextmanager
    def step(self, goal: int = 0, **values: Any) -> Iterator[Advance]:
        self.send(**values, done=0, goal=goal)
        yield self._advance

    def progress(self, **values: Any) -> ReportProgress:
        """Return a function that reports a step's progress."""
        return lambda goal, label: self.step(goal, **values)

    def _advance(self, more: int) -> None:
        self.note(done=self.report.done + more)
        if time.monotonic() - self._written_at >= INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        os.write(self._file, json.dumps(self.report._asdict()).encode() + b"\n")
