"""Jobs in batches: what is done together, for how long callers wait, and when a batch on the event loop starts."""

import threading
from concurrent.futures import Future
from functools import partial
from types import SimpleNamespace

import pytest
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database import batch_worker
from koyjabo.base.database.batch_worker import BatchWorker

PATIENCE_S, LIMIT_S = 100.0, 300.0


class Worker:
    """Work that doubles numbers, with a gate before it takes its jobs and one after."""

    def __init__(self) -> None:
        self.may_take, self.may_finish = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []
        self.let_go()

    def let_go(self) -> None:
        self.may_take.set()
        self.may_finish.set()

    def __call__(self, take) -> None:
        assert self.may_take.wait(SOON_S)
        jobs = take()
        self.batches.append([job.item for job in jobs])
        assert self.may_finish.wait(SOON_S)
        for job in jobs:
            job.result = job.item * 2


@pytest.fixture
def worker():
    worker = Worker()
    yield worker
    worker.let_go()


@pytest.fixture
def now(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(batch_worker, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def group(worker, now, monkeypatch):
    """A group that checks often whether a job has waited for too long."""
    monkeypatch.setattr(batch_worker, "WATCH_INTERVAL_S", 0.01)
    group = BatchWorker(ThreadRuntime(), worker, PATIENCE_S, LIMIT_S)
    yield group
    worker.let_go()
    in_thread(group.close).result(SOON_S)


@pytest.fixture
def patient(worker):
    """A group that takes at most 5 jobs at once, and lets no more than 8 wait."""
    group = BatchWorker(ThreadRuntime(), worker, SOON_S, SOON_S, most=5, most_waiting=8)
    yield group
    worker.let_go()
    in_thread(group.close).result(SOON_S)


def waiting(group: BatchWorker, *numbers: int) -> list[Future]:
    jobs = [in_thread(partial(group.do, number)) for number in numbers]
    wait_until(lambda: group.waiting()[0] == len(numbers), "all of them wait")
    return jobs


def test_waiting_jobs_are_done_together_and_further_jobs_are_refused_at_once(patient, worker):
    assert [patient.do(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert worker.batches == [[1], [2], [3]]
    worker.may_take.clear()
    jobs = waiting(patient, *range(8))
    with pytest.raises(LedgerUnavailable):
        patient.do(9)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [number * 2 for number in range(8)]
    assert [len(batch) for batch in worker.batches[3:]] == [5, 3]
    assert sorted(worker.batches[3] + worker.batches[4]) == [*range(8)]


def test_a_job_that_no_thread_takes_in_time_fails_and_is_never_done(group, worker, now):
    worker.may_take.clear()
    (job,) = waiting(group, 1)
    now[0] += PATIENCE_S
    group._watch()
    assert group.waiting()[0] == 1, "it has not waited for longer"
    now[0] += 1
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    worker.may_take.set()
    assert group.do(2) == 4
    assert all(1 not in batch for batch in worker.batches)


def test_a_job_that_does_not_finish_fails_at_the_time_limit(group, worker, now):
    worker.may_finish.clear()
    (job,) = waiting(group, 1)
    wait_until(lambda: worker.batches == [[1]], "it is taken")
    now[0] += LIMIT_S
    group._watch()
    assert group._taken[0].error is None, "it has not lasted for longer"
    now[0] += 1
    assert isinstance(job.exception(SOON_S), LedgerUnavailable)
    worker.may_finish.set()
    assert group.do(2) == 4


def test_a_worker_that_closes_finishes_its_waiting_jobs_and_refuses_new_ones(patient, worker):
    worker.may_take.clear()
    jobs = waiting(patient, 1, 2)
    closed = in_thread(patient.close)
    wait_until(lambda: patient._closed, "it is closing")
    with pytest.raises(LedgerUnavailable):
        patient.do(3)
    assert not closed.done()
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [2, 4]
    closed.result(SOON_S)
    with pytest.raises(LedgerUnavailable):
        patient.do(4)
