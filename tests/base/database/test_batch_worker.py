"""Jobs in batches: what is done together, for how long callers wait, and when a batch on the event loop starts."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest
from support.application.runtimes import loop_on, pause_until
from support.programs.processes import wait_until
from support.programs.threads import SOON_S, in_thread

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database import batch_worker
from koyjabo.base.database.batch_worker import GATHER_TIME_S, BatchWorker, Job
from koyjabo.base.database.shared_lookups import SharedLookups

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
    """The group's monotonic clock, in s. Only a test moves it."""
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


def test_jobs_that_wait_are_done_together_and_more_are_refused_at_once(patient, worker):
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


def test_batch_ends_once_the_sizes_of_its_jobs_are_enough(patient, worker):
    patient.measure(lambda number: number)
    worker.may_take.clear()
    jobs = waiting(patient, 1, 1, 9, 2, 2, 2, 2)
    worker.may_take.set()
    assert [job.result(SOON_S) for job in jobs] == [2, 2, 18, 4, 4, 4, 4]
    assert all(sum(batch) - batch[-1] < 5 for batch in worker.batches)


def test_job_that_no_thread_takes_fails_within_patience_and_is_never_done(group, worker, now):
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


def test_job_that_was_taken_and_never_finished_fails_at_the_limit(group, worker, now):
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


def test_close_does_what_waits_and_takes_nothing_new(patient, worker):
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


OTHERS = 20


def test_requests_share_the_lookup_after_the_running_one():
    may_answer, sizes = threading.Event(), []

    def answer(jobs) -> None:
        sizes.append(len(jobs))
        assert may_answer.wait(SOON_S)
        for job in jobs:
            if job.item == 13:
                raise ValueError("unlucky")
            job.result = job.item * 2

    lookups = SharedLookups(ThreadRuntime(), answer)
    with ThreadPoolExecutor(OTHERS + 1) as clients:
        first = clients.submit(lookups.ask, 100)
        wait_until(lambda: sizes == [1], "it is being answered")
        others = [clients.submit(lookups.ask, number) for number in range(OTHERS)]
        wait_until(lambda: len(lookups._pending) == OTHERS, "the others have come")
        may_answer.set()
        assert first.result(SOON_S) == 200
        for other in others:
            with pytest.raises(ValueError, match="unlucky"):
                other.result(SOON_S)
    assert sizes == [1, OTHERS]
    assert lookups.ask(1) == 2, "it goes on after an error"


class LoopGroup:
    """A worker on a loop. `batches` has the numbers of each batch, which ends once it may. `on_done` is then called on
    the loop.
    """

    def __init__(self, loop) -> None:
        self.batches: list[list[int]] = []
        self.on_done: Callable[[list[int]], object] = lambda numbers: None
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.worker: BatchWorker[int, int] = BatchWorker(loop, self._work, SOON_S, SOON_S, self._done)
        self._loop = loop

    def _work(self, take) -> None:
        jobs: list[Job[int, int]] = take()
        self.batches.append([job.item for job in jobs])
        self.has_begun.set()
        assert self.may_end.wait(SOON_S)

    def _done(self, jobs: list[Job[int, int]]) -> None:
        self.on_done([job.item for job in jobs])

    def arrive(self, *passes: tuple[int, ...]) -> None:
        """Add the jobs of each pass over the sockets."""
        jobs, *others = passes
        for job in jobs:
            self.worker.put([job])
        if others:
            self._loop.soon(partial(self.arrive, *others))

    def wait(self, count: int) -> list[list[int]]:
        pause_until(self._loop, lambda: sum(map(len, self.batches)) >= count)
        return self.batches


@pytest.fixture
def loop_group():
    with loop_on() as loop:
        group = LoopGroup(loop)
        yield group
        group.worker.close()


def test_jobs_that_arrive_in_passes_one_after_another_share_a_batch(loop_group):
    loop_group.arrive((1, 2), (3,), (4, 5))
    assert loop_group.wait(5) == [[1, 2, 3, 4, 5]]


def test_a_batch_starts_although_further_jobs_keep_arriving(loop_group, monkeypatch):
    now, has_begun = [1000.0], []
    monkeypatch.setattr(batch_worker, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def arrive() -> None:
        now[0] += GATHER_TIME_S / 4
        loop_group.arrive((1, 2))
        if now[0] < 1000 + 2 * GATHER_TIME_S:
            loop_group._loop.soon(arrive)
        else:
            has_begun.append(loop_group.has_begun.wait(SOON_S))

    arrive()
    pause_until(loop_group._loop, lambda: has_begun)
    assert has_begun == [True]


def test_jobs_that_arrive_during_a_batch_join_the_jobs_that_follow_it(loop_group):
    loop_group.may_end.clear()
    loop_group.arrive((1,))
    loop_group.wait(1)
    loop_group.arrive((2,))
    loop_group.on_done = lambda jobs: 1 in jobs and loop_group.arrive((3,))
    loop_group.may_end.set()
    assert loop_group.wait(3) == [[1], [2, 3]]
