"""Combines lookups from requests: all that arrive while one is running are handled together in the next one, because
thousands of clients may reconnect at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic

from koyjabo.base.core.runtime import Runtime
from .batch_worker import Item, Job, Result, take_pending

MAX_TOGETHER = 500
"""Maximum number of jobs in one lookup."""


class SharedLookups(Generic[Item, Result]):
    """Runs `look_up(jobs)`, one call at a time, for up to MAX_TOGETHER jobs. `look_up` sets `result` or `error` on
    each job, and may wait. If it raises an error, all jobs get that error.
    """

    def __init__(self, runtime: Runtime, look_up: Callable[[Sequence[Job[Item, Result]]], object]) -> None:
        self._runtime = runtime
        self._look_up = look_up
        self._pending: deque[Job[Item, Result]] = deque()
        self._is_looking_up = False
        self._lock = threading.Lock()  # guards `_pending` and `_is_looking_up`; never wait while holding it

    def ask(self, item: Item) -> Result:
        """Wait for the result of a lookup. Raises its error."""
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        with self._lock:
            self._pending.append(job)
            is_first = not self._is_looking_up
            self._is_looking_up = True
        if is_first:
            self._runtime.start_task(self._answer_pending)
        return job.outcome()

    def _answer_pending(self) -> None:
        while jobs := self._take_pending():
            try:
                self._look_up(jobs)
            except Exception as error:
                for job in jobs:
                    job.error = error
            for job in jobs:
                self._runtime.soon(job.complete)

    def _take_pending(self) -> list[Job[Item, Result]]:
        with self._lock:
            jobs = take_pending(self._pending, [], MAX_TOGETHER)
            self._is_looking_up = bool(jobs)
            return jobs
