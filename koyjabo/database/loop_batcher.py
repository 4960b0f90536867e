"""Batches reads on the event loop: requests that are ready in the same turn of the loop share one batch.

The counterpart of `batch_worker` for a database whose reads do not wait (SQLite in WAL mode). Without sharing, the file
locks of each read cost a tenth of a request.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from koyjabo.core.runtime import Runtime
from koyjabo.database.batch_worker import Job, take_pending

Item = TypeVar("Item")
Result = TypeVar("Result")


class LoopBatcher(Generic[Item, Result]):
    """Runs `work(take)` on the event loop, after all requests that are ready now have added their jobs."""

    def __init__(self, runtime: Runtime, work: Callable[[Callable[[], list[Job[Item, Result]]]], None]) -> None:
        self._runtime = runtime
        self._work = work
        self._pending: deque[Job[Item, Result]] = deque()
        self._due = False

    def do(self, item: Item) -> Result:
        """Run `item` in one batch with all other pending jobs and return its result. Raises its error."""
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        if not self._due:
            self._due = True
            self._runtime.soon(self._run)
        return job.outcome()

    def close(self) -> None:
        """Does nothing: there is no thread to end."""

    def _run(self) -> None:
        self._due = False  # before `take`, so that a job added now schedules the next run
        taken: list[Job[Item, Result]] = []
        try:
            self._work(lambda: take_pending(self._pending, taken, most=sys.maxsize))
        except Exception as error:
            for job in taken:
                job.error = error
        for job in taken:
            job.complete()
