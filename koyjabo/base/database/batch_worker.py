"""Group commit: one real thread takes all pending jobs and runs them as one batch, in one transaction.

A request adds a job and waits for it. A slow disk costs its latency once per batch and never stops the event loop
(decision 2). A batch starts when a pass over the sockets brings no further jobs, so a single job starts at once, and
many that arrive together share a transaction.
"""

import sys
import threading
import time
from _queue import SimpleQueue  # uses the C queue, whose locks are real even if the standard library is patched
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Generic, Protocol, TypeVar

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import Runtime, Waiter

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_PENDING_JOBS = 20_000
"""Maximum number of pending jobs. Further jobs are refused, because they would time out."""

GATHER_TIME_S = 0.02
"""How long jobs may keep arriving before their batch starts, s: about ten passes over the sockets."""

WATCH_INTERVAL_S = 0.5

STUCK_S = 5.5
"""How long a batch may take before its connection is interrupted, s. The database ends statements after 5 s, so a batch
that takes longer must be waiting for a frozen server or disk.
"""


class Job(Generic[Item, Result]):
    """One request's work, with its `result` or `error`."""

    __slots__ = ("error", "item", "result", "since", "waiter")

    def __init__(self, item: Item, waiter: Waiter) -> None:
        self.item = item
        self.since = time.monotonic()
        self.result: Result | None = None
        self.error: Exception | None = None
        self.waiter = waiter

    def outcome(self) -> Result:
        """Wait for the result and return it. Raises `error` if there is one."""
        self.waiter.wait()
        if self.error is not None:
            try:
                raise self.error
            finally:
                # The error's traceback refers to this job. Only the garbage collector could free such a cycle.
                self.error = None
        return self.result  # type: ignore[return-value]

    def complete(self) -> None:
        """Wake the request that waits for this job. Idempotent."""
        self.waiter.wake()

    def fail(self) -> None:
        self.error = LedgerUnavailable()
        self.complete()


def one(item: object) -> int:
    return 1


def take_pending(
    pending: deque[Job[Item, Result]],
    taken: list[Job[Item, Result]],
    most: int,
    size: Callable[[Item], int] = one,
) -> list[Job[Item, Result]]:
    """Move jobs from `pending` to `taken` until their sizes reach `most`; returns `taken`."""
    left = most - sum(size(job.item) for job in taken)
    with suppress(IndexError):  # the event loop has just removed the last job
        while pending and left > 0:
            taken.append(pending.popleft())
            left -= size(taken[-1].item)
    return taken


class BatchWorker(Generic[Item, Result]):
    """Runs `work` on its own real thread, for all pending jobs at once.

    `work(take)` calls `take()` once to get the jobs, as late as possible (while it holds its locks), and sets `result`
    or `error` on each job. `on_done(jobs)` is called on the event loop, once per batch, before its requests continue.

    All waits are limited. A job that is not taken within `patience_s` fails with LedgerUnavailable and never runs. A
    job that was taken fails after `limit_s` if the database is frozen; it is then unknown whether it was committed.

    A batch ends once the sizes of its jobs reach `most`. Each has the size 1, unless `measure` says how to find it.
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
        self._size_of: Callable[[Item], int] = one
        self._most_waiting = most_waiting
        self._pending: deque[Job[Item, Result]] = deque()
        self._taken: list[Job[Item, Result]] = []
        self._wake_queue: SimpleQueue[bool] = SimpleQueue()
        self._interrupt: Callable[[], object] = lambda: None
        self._is_hopeless: Callable[[], bool] = lambda: False
        self._interrupt_after_s = sys.float_info.max
        self._busy_since = 0.0  # start of the batch, or of the last interruption, monotonic s
        self._gathered = 0  # number of pending jobs at the last pass over the sockets
        self._gathers_until = 0.0  # monotonic s
        self._started = self._idle = self._watching = self._is_gathering = self._is_running = False
        self._closed: Waiter | None = None
        self._starting = threading.Lock()

    def measure(self, size_of: Callable[[Item], int]) -> None:
        """Find the sizes of jobs with this function."""
        self._size_of = size_of

    def interrupt_after(
        self, seconds: float, interrupt: Callable[[], object], is_hopeless: Callable[[], bool] = lambda: False
    ) -> None:
        """Call `interrupt` on the event loop whenever a batch takes longer than `seconds`, or `is_hopeless` returns
        True. `interrupt` has to end the thread's wait. Without it, a frozen database would block the thread for ever,
        even after a failover.
        """
        self._interrupt_after_s, self._interrupt, self._is_hopeless = seconds, interrupt, is_hopeless

    def do(self, item: Item) -> Result:
        """Run `item` in one batch with all other pending jobs and return its result. Raises its error."""
        self._require_space()
        job: Job[Item, Result] = Job(item, self._runtime.waiter())
        self._pending.append(job)
        self._notify_thread()
        return job.outcome()

    def put(self, items: Iterable[Item]) -> list[Job[Item, Result]]:
        """Queue `items` to run in this order, together with all other pending jobs. Raises LedgerUnavailable."""
        self._require_space()
        jobs: list[Job[Item, Result]] = [Job(item, self._runtime.waiter()) for item in items]
        self._pending.extend(jobs)
        self._notify_thread()
        return jobs

    def _require_space(self) -> None:
        if len(self._pending) >= (self._most_waiting or MAX_PENDING_JOBS) or self._closed:
            raise LedgerUnavailable

    def waiting(self) -> tuple[int, float]:
        """The number of unfinished jobs, and how long the oldest has waited, s."""
        jobs = [*self._taken, *self._pending]
        return len(jobs), time.monotonic() - jobs[0].since if jobs else 0.0

    def close(self) -> None:
        """Finish the pending jobs, then end the thread. Later jobs are refused. Idempotent."""
        if self._closed:
            return
        self._closed = self._runtime.waiter()
        if self._started:
            self._wake_queue.put(True)
            self._closed.wait()

    def _notify_thread(self) -> None:
        if not self._started:
            self._start()
        if not (self._is_gathering or self._is_running):
            self._is_gathering = True
            self._gathered, self._gathers_until = len(self._pending), time.monotonic() + GATHER_TIME_S
            self._runtime.soon(self._gather)
        if not self._watching:
            self._schedule_watch()

    def _start(self) -> None:
        with self._starting:
            if not self._started:
                self._started = True
                self._runtime.start_thread(self._main)

    def _gather(self) -> None:
        """Start the next batch, unless the last pass over the sockets brought further jobs."""
        waiting = len(self._pending)
        if self._gathered < waiting < self._most and time.monotonic() < self._gathers_until:
            self._gathered = waiting
            self._runtime.soon(self._gather)
            return
        self._is_gathering, self._is_running = False, True
        self._wake_queue.put(True)

    # The following methods run on the event loop, and limit every wait.

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

    # The following methods run on the real thread: use no patched lock, do not log, and call back only through
    # `from_thread`.

    def _main(self) -> None:
        goes_on = False  # jobs did not fit into the last batch
        while not (self._closed and not self._pending):
            if not (goes_on or self._closed):
                self._idle = True
                self._wake_queue.get()
            self._busy_since = time.monotonic()
            self._idle = False
            taken = self._do_batch()
            goes_on = len(taken) == self._most and bool(self._pending)
            self._runtime.from_thread(partial(self._complete_batch, taken, goes_on))
        self._idle = True  # otherwise the watch would never end
        self._runtime.from_thread(self._closed.wake)

    def _do_batch(self) -> list[Job[Item, Result]]:
        taken: list[Job[Item, Result]] = []
        self._taken = taken
        try:
            if self._pending:
                self._work(partial(self._take, taken))
        except Exception as error:
            if not taken:  # it failed before `take`, so fail these jobs. Otherwise they would be retried for ever
                self._take(taken)
            for job in taken:
                job.error = job.error or (error if job.result is None else None)
        return taken

    def _take(self, taken: list[Job[Item, Result]]) -> list[Job[Item, Result]]:
        return take_pending(self._pending, taken, self._most, self._size_of)

    # The following methods run on the event loop.

    def _complete_batch(self, jobs: list[Job[Item, Result]], goes_on: bool) -> None:
        try:
            self._on_done(jobs)
        finally:
            for job in jobs:
                job.complete()
            if self._taken is jobs:
                self._taken = []
            self._is_running = goes_on
            if self._pending:
                self._notify_thread()


class BatchStore(Protocol[Item, Result]):
    """Writes to one database, on one real thread.

    `commit` writes a batch in one transaction, and writes nothing if there is an error. It raises LedgerUnavailable or
    one of `unavailable` when nothing can be written. Any other error is caused by a single item.
    """

    unavailable: tuple[type[Exception], ...]

    def writing(self) -> AbstractContextManager[object]:
        """Hold the lock of the database's writers. Waits in their queue."""

    def commit(self, batch: list[Item]) -> list[Result]: ...

    def interrupt(self) -> None:
        """Abort a `commit` that is waiting for a server. Called from another thread."""


def commit_jobs(store: BatchStore[Item, Result], take: Callable[[], list[Job[Item, Result]]]) -> None:
    """The `work` of a BatchWorker: commit its jobs together, or one by one if one of them cannot be stored. Jobs that
    are not committed get LedgerUnavailable.
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
        else:  # one item caused the error: retry the items one by one, so that only this item fails
            for job in jobs:
                _commit_together(store, [job])
    else:
        for job, result in zip(jobs, results, strict=True):
            job.result = result


class LoopBatcher(Generic[Item, Result]):
    """Runs `work(take)` on the event loop, after all requests of one pass have added their jobs.

    Used instead of `BatchWorker` for a database whose reads do not wait (SQLite in WAL mode). Batching still helps,
    because the file locks of a read cost a tenth of a request.
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
        """Do nothing: there is no thread that could wait."""

    def close(self) -> None:
        """Do nothing: there is no thread to end."""

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
