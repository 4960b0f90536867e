"""Group commit: one real thread takes all the jobs that wait and does them as one.

Requests hand over a job and wait; the thread works; its batch is handed back in one piece. A slow disk costs latency
once a batch, and never stops the event loop (decision 2). No timer decides when a batch begins: an idle thread
begins at once, a busy one takes whatever has come in the meantime.
"""

from __future__ import annotations

import threading
import time
from _queue import SimpleQueue  # the C queue: real locks, whatever patches the standard library
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from koyjabo.errors import LedgerUnavailable
from koyjabo.runtime import Runtime, Waiter

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
        self.since = time.monotonic()
        self.result: Result | None = None
        self.error: Exception | None = None
        self.waiter = waiter

    def outcome(self) -> Result:
        """Wait for it. Raises `error` if there is one."""
        self.waiter.wait()
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]

    def answer(self) -> None:
        """Let the owner go on. Idempotent."""
        self.waiter.wake()

    def give_up(self) -> None:
        self.error = LedgerUnavailable()
        self.answer()


def take_waiting(pending: deque[Job[Item, Result]], taken: list[Job[Item, Result]], most: int) -> list:
    """Move jobs from `pending` to `taken` until there are `most` of them; returns `taken`."""
    with suppress(IndexError):  # somebody else has taken the last one
        while pending and len(taken) < most:
            taken.append(pending.popleft())
    return taken


class Group(Generic[Item, Result]):
    """Runs `work` on a real thread of its own, on all the jobs that wait.

    `work(take)` calls `take()` once, as late as it can (after it holds its locks), for the jobs to do, and sets
    `result` or `error` on each. `on_done(jobs)` is called on the loop, once a batch, before any of its owners goes on.

    No owner waits for ever: a job that is not taken within `patience_s` fails with LedgerUnavailable, untouched. One
    that was taken fails after `limit_s`; only when the database is frozen does that happen, and then its fate is
    unknown.
    """

    def __init__(
        self,
        runtime: Runtime,
        work: Callable[[Callable[[], list[Job[Item, Result]]]], None],
        patience_s: float,
        limit_s: float,
        on_done: Callable[[list[Job[Item, Result]]], None] = lambda jobs: None,
        most: int = 1000,
        most_waiting: int | None = None,
    ) -> None:
        self._runtime = runtime
        self._work = work
        self._patience_s = patience_s
        self._limit_s = limit_s
        self._on_done = on_done
        self._most = most
        self._most_waiting = most_waiting
        self._pending: deque[Job[Item, Result]] = deque()
        self._taken: list[Job[Item, Result]] = []
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._started = self._idle = self._watching = self._ringing = False
        self._closed: Waiter | None = None
        self._starting = threading.Lock()

    def do(self, item: Item) -> Result:
        """Have `item` done with whatever else is waiting. Raises what went wrong with it."""
        if len(self._pending) >= (self._most_waiting or MOST_WAITING) or self._closed:
            raise LedgerUnavailable
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        self._call_thread()
        return job.outcome()

    def waiting(self) -> tuple[int, float]:
        """How many jobs are not done yet, and since when the first of them waits, s."""
        jobs = [*self._taken, *self._pending]
        return len(jobs), time.monotonic() - jobs[0].since if jobs else 0.0

    def close(self) -> None:
        """Do what waits, then end the thread. Nothing is taken afterwards; a second time does nothing."""
        if self._closed:
            return
        self._closed = self._runtime.waiter()
        if self._started:
            self._ring()
            self._closed.wait()

    def _call_thread(self) -> None:
        if not self._started:
            self._start()
        if self._idle and not self._ringing:
            self._ringing = True
            self._runtime.soon(self._ring)
        if not self._watching:
            self._keep_watching()

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                self._started = True
                self._runtime.start_thread(self._main)

    def _ring(self) -> None:
        self._ringing = False
        self._bell.put(True)

    # On the loop: nobody waits for ever.

    def _watch(self) -> None:
        now = time.monotonic()
        for job in list(self._pending):
            if now - job.since > self._patience_s:
                try:
                    self._pending.remove(job)
                except ValueError:  # the thread has taken it in this moment
                    continue
                job.give_up()
        for job in self._taken:
            if job.result is None and now - job.since > self._limit_s:
                job.give_up()
        self._watching = False  # before looking: whoever comes now sees it, and calls for the next watch
        if self._pending or self._taken or not self._idle:
            self._keep_watching()

    def _keep_watching(self) -> None:
        self._watching = True
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
        self._idle = True  # or its watch would go on for ever
        self._runtime.from_thread(self._closed.wake)

    def _do_batch(self) -> None:
        taken: list[Job[Item, Result]] = []
        self._taken = taken
        try:
            self._work(partial(self._take, taken))
        except Exception as error:
            if not taken:  # it failed before it came to that: they must not be tried over and over
                self._take(taken)
            for job in taken:
                job.error = job.error or (error if job.result is None else None)
        self._runtime.from_thread(partial(self._hand_back, taken))

    def _take(self, taken: list[Job[Item, Result]]) -> list[Job[Item, Result]]:
        return take_waiting(self._pending, taken, self._most)

    # On the loop again.

    def _hand_back(self, jobs: list[Job[Item, Result]]) -> None:
        try:
            self._on_done(jobs)
        finally:
            for job in jobs:
                job.answer()
            if self._taken is jobs:
                self._taken = []
