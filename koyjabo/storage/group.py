"""Group commit: one real thread takes all the jobs that wait and does them as one.

Requests hand over a job and wait; the thread works; its batch is handed back in one piece. A slow disk costs latency
once a batch, and never stops the event loop (DESIGN decision 2). No timer decides when a batch begins: an idle thread
begins at once, a busy one takes whatever has come in the meantime.
"""

from __future__ import annotations

import time
from _queue import SimpleQueue  # the C queue: real locks, whatever patches the standard library
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from koyjabo.errors import LedgerUnavailable
from koyjabo.storage.runtime import Runtime, Waiter

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WAITING = 20_000
"""Jobs that may wait at once; more are refused, for they could not be done in time anyway."""

WATCH_INTERVAL_S = 0.5


class Job(Generic[Item, Result]):
    """One request's piece of work, and what came of it: `result`, or `error`."""

    __slots__ = ("error", "item", "result", "since", "waiter")

    def __init__(self, item: Item, waiter: Waiter) -> None:
        self.item = item
        self.waiter = waiter
        self.since = time.monotonic()
        self.result: Result | None = None
        self.error: Exception | None = None


class Group(Generic[Item, Result]):
    """Runs `work` on a real thread of its own, on all the jobs that wait.

    `work(take)` calls `take()` once, as late as it can (after it holds its locks), for the jobs to do, and sets
    `result` or `error` on each. A job not taken within `patience_s` fails with LedgerUnavailable, untouched.
    `on_done(jobs)` is called on the loop, once a batch, before any of its owners goes on.
    """

    def __init__(
        self,
        runtime: Runtime,
        work: Callable[[Callable[[], list[Job[Item, Result]]]], None],
        patience_s: float,
        on_done: Callable[[list[Job[Item, Result]]], None] = lambda jobs: None,
        most: int = 1000,
    ) -> None:
        self._runtime = runtime
        self._work = work
        self._patience_s = patience_s
        self._on_done = on_done
        self._most = most
        self._pending: deque[Job[Item, Result]] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._started = self._idle = self._watching = self._ringing = False
        self._closed: Waiter | None = None

    def do(self, item: Item) -> Result:
        """Have `item` done with whatever else is waiting. Raises what went wrong with it."""
        if len(self._pending) >= MOST_WAITING or self._closed:
            raise LedgerUnavailable
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        self._call_thread()
        job.waiter.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def close(self) -> None:
        """Do what waits, then end the thread."""
        if not self._started:
            return
        self._closed = self._runtime.waiter()
        self._ring()
        self._closed.wait()

    def _call_thread(self) -> None:
        if not self._started:
            self._started = True
            self._runtime.start_thread(self._main)
        if self._idle and not self._ringing:
            self._ringing = True
            self._runtime.soon(self._ring)
        if not self._watching:
            self._watching = True
            self._runtime.later(WATCH_INTERVAL_S, self._watch)

    def _ring(self) -> None:
        self._ringing = False
        self._bell.put(True)

    # On the loop: jobs that nobody takes must not wait for ever.

    def _watch(self) -> None:
        patient_since = time.monotonic() - self._patience_s
        for job in [job for job in list(self._pending) if job.since < patient_since]:
            try:
                self._pending.remove(job)  # atomic: either it is ours now, or the thread has taken it
            except ValueError:
                continue
            job.error = LedgerUnavailable()
            job.waiter.wake()
        self._watching = bool(self._pending)
        if self._watching:
            self._runtime.later(WATCH_INTERVAL_S, self._watch)

    # On the real thread: no green lock, no log, and `from_thread` as the only way back.

    def _main(self) -> None:
        while not (self._closed and not self._pending):
            self._idle = True
            if not self._pending and not self._closed:
                self._bell.get()
            self._idle = False
            if self._pending:
                self._do_batch()
        self._runtime.from_thread(self._closed.wake)

    def _do_batch(self) -> None:
        taken: list[Job[Item, Result]] = []
        try:
            self._work(partial(self._take, taken))
        except Exception as error:
            for job in taken:
                job.error = job.error or (None if job.result is not None else error)
        self._runtime.from_thread(partial(self._hand_back, taken))

    def _take(self, taken: list[Job[Item, Result]]) -> list[Job[Item, Result]]:
        while self._pending and len(taken) < self._most:
            try:
                taken.append(self._pending.popleft())
            except IndexError:  # the watch took the last one
                break
        return taken

    def _hand_back(self, jobs: list[Job[Item, Result]]) -> None:
        self._on_done(jobs)
        for job in jobs:
            job.waiter.wake()
