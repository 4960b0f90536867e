"""Reads that are quick enough for the event loop, once a turn: requests that are ready together share each answer.

The sibling of `group` for a database that makes nobody wait (SQLite in WAL mode). A read costs its file locks each
time, which is as much as a tenth of a request.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from koyjabo.database.batch_worker import Job, take_waiting
from koyjabo.runtime import Runtime

Item = TypeVar("Item")
Result = TypeVar("Result")


class Turn(Generic[Item, Result]):
    """Runs `work(take)` when the requests that are ready now have all come, on the loop itself."""

    def __init__(self, runtime: Runtime, work: Callable[[Callable[[], list[Job[Item, Result]]]], None]) -> None:
        self._runtime = runtime
        self._work = work
        self._pending: deque[Job[Item, Result]] = deque()
        self._due = False

    def do(self, item: Item) -> Result:
        """Have `item` done with whatever else is waiting. Raises what went wrong with it."""
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        if not self._due:
            self._due = True
            self._runtime.soon(self._run)
        return job.outcome()

    def close(self) -> None:
        """There is nothing to end."""

    def _run(self) -> None:
        self._due = False  # before taking: whoever comes now calls for the next turn
        taken: list[Job[Item, Result]] = []
        try:
            self._work(lambda: take_waiting(self._pending, taken, most=sys.maxsize))
        except Exception as error:
            for job in taken:
                job.error = error
        for job in taken:
            job.answer()
