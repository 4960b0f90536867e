"""This worker's long-running work that is shown on pages: exports, and erasures requested by an admin."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

from koyjabo.base.cluster.workers import RunningJob
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.registry import Registry
from koyjabo.base.core.runtime import Advance, ReportProgress

JOB_LABELS: Registry[str, str] = Registry()
"""The kinds of jobs, with labels marked with `N_`. Features fill it."""


class RunningJobs:
    """The running jobs. Workers include them in their reports (`base.cluster.workers`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count()
        self._running: dict[int, RunningJob] = {}

    def running(self) -> tuple[RunningJob, ...]:
        return tuple(self._running.values())

    def reported(self, kind: str) -> ReportProgress:
        """A ReportProgress for a job of a kind in JOB_LABELS."""

        @contextmanager
        def report(rows: int, label: str) -> Iterator[Advance]:
            number = next(self._numbers)
            self._running[number] = RunningJob(kind, self._clock.now_ms(), 0, rows)
            try:
                yield partial(self._advance, number)
            finally:
                del self._running[number]

        return report

    def _advance(self, number: int, more: int) -> None:
        job = self._running[number]
        self._running[number] = job._replace(done=job.done + more)
