"""The group that does jobs together on a thread of its own: whom it makes wait, and for how long."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from support.processes import wait_until
from support.threads import SOON_S, in_thread

from koyjabo.database import batch_worker
from koyjabo.database.batch_worker import BatchWorker
from koyjabo.errors import LedgerUnavailable
from koyjabo.runtime import ThreadRuntime

PATIENCE_S, LIMIT_S = 0.2, 0.6


class Worker:
    """Work that doubles numbers, with a gate before it takes its jobs and one after."""

    def __init__(self) -> None:
        self.may_take, self.may_finish, self.has_taken = threading.Event(), threading.Event(), threading.Event()
        self.batches: list[list[int]] = []
        self.may_take.set()
        self.may_finish.set()

    def __call__(self, take) -> None:
        assert self.may_take.wait(SOON_S)
        jobs = take()
        self.batches.append([job.item for job in jobs])
        self.has_taken.set()
        assert self.may_finish.wait(SOON_S)
        if any(job.item < 0 for job in jobs):
            raise ValueError("a negative number")
        for job in jobs:
            job.result = job.item * 2


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.may_take.set()
    worker.may_finish.set()


@pytest.fixture
def group(worker, monkeypatch):
    monkeypatch.setattr(batch_worker, "WATCH_INTERVAL_S", 0.05)
    group = BatchWorker(ThreadRuntime(), worker, PATIENCE_S, LIMIT_S)
    yield group
    worker.may_take.set()
    worker.may_finish.set()
    if not group._closed:
        in_thread(group.close)


def test_job_is_done(group):
    assert [group.do(number) for number in (1, 2, 3)] == [2, 4, 6]


def test_jobs_that_wait_are_done_together(group, worker):
    group.do(0)
    worker.may_take.clear()
    jobs = [in_thread(partial(group.do, number)) for number in range(20)]
    wait_until(lambda: len(group._pending) == 20, "all of them wait")
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [number * 2 for number in range(20)]
    assert sorted(worker.batches[-1]) == list(range(20))


def test_batch_has_a_largest_size(worker):
    group = BatchWorker(ThreadRuntime(), worker, SOON_S, SOON_S, most=3)
    worker.may_take.clear()
    jobs = [in_thread(partial(group.do, number)) for number in range(10)]
    wait_until(lambda: len(group._pending) == 10, "all of them wait")
    worker.may_take.set()
    assert sorted(job.result(SOON_S) for job in jobs) == list(range(0, 20, 2))
    assert max(map(len, worker.batches)) == 3
    group.close()


def test_job_that_nobody_takes_fails_within_patience_and_is_never_done(group, worker):
    worker.may_take.clear()
    began = time.monotonic()
    job = in_thread(partial(group.do, 1))
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    assert PATIENCE_S <= time.monotonic() - began < PATIENCE_S + 1
    worker.may_take.set()
    assert group.do(2) == 4
    assert all(1 not in batch for batch in worker.batches)


def test_job_that_was_taken_and_never_finished_fails_at_the_limit(group, worker):
    worker.may_finish.clear()
    began = time.monotonic()
    job = in_thread(partial(group.do, 1))
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    assert LIMIT_S <= time.monotonic() - began < LIMIT_S + 1
    worker.may_finish.set()
    assert group.do(2) == 4


def test_work_that_raises_fails_its_own_jobs_only(group, worker):
    with pytest.raises(ValueError, match="negative"):
        group.do(-1)
    assert group.do(1) == 2


def test_more_than_may_wait_are_refused_at_once(group, worker, monkeypatch):
    monkeypatch.setattr(batch_worker, "MOST_WAITING", 5)
    worker.may_take.clear()
    jobs = [in_thread(partial(group.do, number)) for number in range(5)]
    wait_until(lambda: len(group._pending) == 5, "all of them wait")
    with pytest.raises(LedgerUnavailable):
        group.do(6)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [0, 2, 4, 6, 8]


def test_all_are_told_together_before_anybody_goes_on(worker):
    told: list[list[int]] = []
    group = BatchWorker(ThreadRuntime(), worker, SOON_S, SOON_S, lambda jobs: told.append([job.result for job in jobs]))
    assert group.do(21) == 42
    assert told == [[42]]
    group.close()


def test_close_does_what_waits_and_takes_nothing_new(group, worker):
    group.do(0)
    worker.may_take.clear()
    jobs = [in_thread(partial(group.do, number)) for number in (1, 2)]
    wait_until(lambda: len(group._pending) == 2, "all of them wait")
    closed = in_thread(group.close)
    wait_until(lambda: group._closed, "it is closing")
    assert not closed.done()
    with pytest.raises(LedgerUnavailable):
        group.do(3)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [2, 4]
    closed.result(SOON_S)


def test_closing_twice_is_closing_once(group):
    group.do(1)
    for _ in range(2):
        in_thread(group.close).result(SOON_S)


def test_group_that_was_closed_before_its_first_job_does_none(group, worker):
    group.close()
    with pytest.raises(LedgerUnavailable):
        group.do(1)
    assert worker.batches == []


def test_nobody_watches_over_one_that_was_closed(group):
    """Each watch would call for the next, for as long as the process lives."""
    in_thread(partial(group.do, 1)).result(SOON_S)
    in_thread(group.close).result(SOON_S)
    wait_until(lambda: not any(isinstance(each, threading.Timer) for each in threading.enumerate()), "no watch is left")
