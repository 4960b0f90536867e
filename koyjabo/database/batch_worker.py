"""Group commit: one real thread takes all pending jobs and does them as one batch, in one transaction.

A request adds a job and waits for it. The thread returns each batch as a whole. A slow disk costs latency once for each
batch and never stops the event loop (decision 2). No timer delays a batch: an idle thread starts at once, and a busy
one takes all jobs that arrived in the meantime.
"""

from __future__ import annotations

import sys
import threading
import time
from _queue import SimpleQueue  # the C queue: real locks, also where the standard library is patched
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Generic, Protocol, TypeVar

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import Runtime, Waiter

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WAITING = 20_000
"""The maximum number of pending jobs. More are refused, because they could not be done in time."""

WATCH_INTERVAL_S = 0.5

STUCK_S = 5.5
"""A batch of visits or events that takes so long waits for a frozen server, or for its disk: the server ends statements
after 5 s.
"""


class Job(Generic[Item, Result]):
    """The work of one request, and its `result` or `error`."""

    __slots__ = ("error", "item", "result", "since", "waiter")

    def __init__(self, item: Item, waiter: Waiter) -> None:
        self.item = item
        self.since = time.monotonic()
        self.result: Result | None = None
        self.error: Exception | None = None
        self.waiter = waiter

    def outcome(self) -> Result:
        """Wait for the result. Raises `error` if there is one."""
        self.waiter.wait()
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # its traceback refers to this job: only the garbage collector could collect the two
        return self.result  # type: ignore[return-value]

    def complete(self) -> None:
        """Wake the request that waits for this job. Idempotent."""
        self.waiter.wake()

    def fail(self) -> None:
        self.error = LedgerUnavailable()
        self.complete()


def take_pending(
    pending: deque[Job[Item, Result]], taken: list[Job[Item, Result]], most: int
) -> list[Job[Item, Result]]:
    """Move jobs from `pending` to `taken` until there are `most` of them; returns `taken`."""
    with suppress(IndexError):  # the event loop has removed the last job meanwhile
        while pending and len(taken) < most:
            taken.append(pending.popleft())
    return taken


class BatchWorker(Generic[Item, Result]):
    """Runs `work` on a real thread of its own, on all pending jobs.

    `work(take)` calls `take()` once, as late as possible (after it holds its locks), to get the jobs, and sets `result`
    or `error` on each. `on_done(jobs)` is called on the event loop, once a batch, before any of its requests continues.

    Every wait is limited. A job not taken within `patience_s` fails with LedgerUnavailable and is never run. A job that
    was taken fails after `limit_s`, if the database is frozen; whether it was committed is then unknown.
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
        self._wake_queue: SimpleQueue[bool] = SimpleQueue()
        self._interrupt: Callable[[], object] = lambda: None
        self._is_hopeless: Callable[[], bool] = lambda: False
        self._interrupt_after_s = sys.float_info.max
        self._busy_since = 0.0  # monotonic s; of the batch, or of the last interruption
        self._started = self._idle = self._watching = self._is_waking = False
        self._closed: Waiter | None = None
        self._starting = threading.Lock()

    def interrupt_after(
        self, seconds: float, interrupt: Callable[[], object], is_hopeless: Callable[[], bool] = lambda: False
    ) -> None:
        """Have `interrupt` called on the event loop whenever the thread has spent so long on a batch, or its work
        `is_hopeless`. It ends what the thread waits for: a frozen database would hold it for ever, also when another
        one has taken over.
        """
        self._interrupt_after_s, self._interrupt, self._is_hopeless = seconds, interrupt, is_hopeless

    def do(self, item: Item) -> Result:
        """Run `item` in one batch with all other pending jobs and return its result. Raises its error."""
        self._require_room()
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        self._notify_thread()
        return job.outcome()

    def put(self, items: Iterable[Item]) -> list[Job[Item, Result]]:
        """Have `items` run in this order, together with all other pending jobs. Raises LedgerUnavailable."""
        self._require_room()
        jobs: list[Job[Item, Result]] = [Job(item, self._runtime.waiter()) for item in items]
        self._pending.extend(jobs)
        self._notify_thread()
        return jobs

    def _require_room(self) -> None:
        if len(self._pending) >= (self._most_waiting or MOST_WAITING) or self._closed:
            raise LedgerUnavailable

    def waiting(self) -> tuple[int, float]:
        """The number of unfinished jobs, and how long the first of them has waited, s."""
        jobs = [*self._taken, *self._pending]
        return len(jobs), time.monotonic() - jobs[0].since if jobs else 0.0

    def close(self) -> None:
        """Finish the pending jobs, then end the thread. Later jobs are refused. Idempotent."""
        if self._closed:
            return
        self._closed = self._runtime.waiter()
        if self._started:
            self._wake_thread()
            self._closed.wait()

    def _notify_thread(self) -> None:
        if not self._started:
            self._start()
        if self._idle and not self._is_waking:
            self._is_waking = True
            self._runtime.soon(self._wake_thread)
        if not self._watching:
            self._schedule_watch()

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                self._started = True
                self._runtime.start_thread(self._main)

    def _wake_thread(self) -> None:
        self._is_waking = False
        self._wake_queue.put(True)

    # Runs on the event loop and limits every wait.

    def _watch(self) -> None:
        now = time.monotonic()
        for job in list(self._pending):
            if now - job.since > self._patience_s:
                try:
                    self._pending.remove(job)
                except ValueError:  # the thread has just taken it
                    continue
                job.fail()
        for job in self._taken:
            if job.result is None and now - job.since > self._limit_s:
                job.fail()
        if not self._idle and (now - self._busy_since > self._interrupt_after_s or self._is_hopeless()):
            self._busy_since = now
            self._interrupt()
        self._watching = False  # before the check, so that a job added now schedules the next watch
        if self._pending or self._taken or not self._idle:
            self._schedule_watch()

    def _schedule_watch(self) -> None:
        self._watching = True
        self._runtime.later(WATCH_INTERVAL_S, self._watch)

    # Runs on the real thread: no patched lock, no logging, and only `from_thread` to call back.

    def _main(self) -> None:
        while not (self._closed and not self._pending):
            self._idle = True
            if not self._pending and not self._closed:
                self._wake_queue.get()
            self._busy_since = time.monotonic()
            self._idle = False
            if self._pending:
                self._do_batch()
        self._idle = True  # otherwise the watch would repeat for ever
        self._runtime.from_thread(self._closed.wake)

    def _do_batch(self) -> None:
        taken: list[Job[Item, Result]] = []
        self._taken = taken
        try:
            self._work(partial(self._take, taken))
        except Exception as error:
            if not taken:  # it failed before `take`: fail these jobs, lest they be tried for ever
                self._take(taken)
            for job in taken:
                job.error = job.error or (error if job.result is None else None)
        self._runtime.from_thread(partial(self._complete_batch, taken))

    def _take(self, taken: list[Job[Item, Result]]) -> list[Job[Item, Result]]:
        return take_pending(self._pending, taken, self._most)

    # Runs on the event loop.

    def _complete_batch(self, jobs: list[Job[Item, Result]]) -> None:
        try:
            self._on_done(jobs)
        finally:
            for job in jobs:
                job.complete()
            if self._taken is jobs:
                self._taken = []


class BatchStore(Protocol[Item, Result]):
    """The writing operations on one database, called by one real thread.

    `commit` writes a batch in one transaction, and nothing after an error. It raises LedgerUnavailable or one of
    `unavailable` when nothing can be written; any other error is caused by one item.
    """

    unavailable: tuple[type[Exception], ...]

    def writing(self) -> AbstractContextManager[object]:
        """Hold what all writers of the database queue for."""

    def commit(self, batch: list[Item]) -> list[Result]: ...

    def interrupt(self) -> None:
        """Called by another thread: let `commit` fail if it waits for a server."""


def commit_jobs(store: BatchStore[Item, Result], take: Callable[[], list[Job[Item, Result]]]) -> None:
    """The `work` of a BatchWorker: commits its jobs together, and one by one where one of them cannot be stored. Jobs
    that are not committed get LedgerUnavailable as their error.
    """
    try:
        with store.writing():
            jobs = take()
            if jobs:
                _commit_together(store, jobs)
    except OSError as error:  # the file lock could not be acquired
        for job in take():
            if job.result is None:
                job.error = LedgerUnavailable.because(error)


def _commit_together(store: BatchStore[Item, Result], jobs: list[Job[Item, Result]]) -> None:
    try:
        results = store.commit([job.item for job in jobs])
    except Exception as error:
        if len(jobs) == 1 or isinstance(error, (*store.unavailable, LedgerUnavailable)):
            for job in jobs:
                job.error = LedgerUnavailable.because(error)
        else:  # one item caused it: retry one by one, so that it fails alone
            for job in jobs:
                _commit_together(store, [job])
    else:
        for job, result in zip(jobs, results, strict=True):
            job.result = result


class LoopBatcher(Generic[Item, Result]):
    """Runs `work(take)` on the event loop, after all requests that are ready now have added their jobs.

    The counterpart of `BatchWorker` for a database whose reads do not wait (SQLite in WAL mode). Without sharing, the
    file locks of each read cost a tenth of a request.
    """

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

    def interrupt_after(self, seconds: float, interrupt: Callable[[], object]) -> None:
        """Does nothing, as the next: there is no thread that could wait."""

    def close(self) -> None:
        """There is no thread to end."""

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
