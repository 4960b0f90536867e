"""A batch on the event loop starts when a pass over the sockets brings no further jobs."""

import threading
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest
from support.application.runtimes import loop_on, pause_until
from support.programs.threads import SOON_S

from koyjabo.base.database import batch_worker
from koyjabo.base.database.batch_worker import GATHER_TIME_S, BatchWorker, Job


class Group:
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
def group():
    with loop_on() as loop:
        group = Group(loop)
        yield group
        group.worker.close()


def test_jobs_that_arrive_in_passes_one_after_another_share_a_batch(group):
    group.arrive((1, 2), (3,), (4, 5))
    assert group.wait(5) == [[1, 2, 3, 4, 5]]


def test_a_batch_starts_although_further_jobs_keep_arriving(group, monkeypatch):
    now, has_begun = [1000.0], []
    monkeypatch.setattr(batch_worker, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def arrive() -> None:
        now[0] += GATHER_TIME_S / 4
        group.arrive((1, 2))
        if now[0] < 1000 + 2 * GATHER_TIME_S:
            group._loop.soon(arrive)
        else:
            has_begun.append(group.has_begun.wait(SOON_S))

    arrive()
    pause_until(group._loop, lambda: has_begun)
    assert has_begun == [True]


def test_jobs_that_arrive_during_a_batch_join_the_jobs_that_follow_it(group):
    group.may_end.clear()
    group.arrive((1,))
    group.wait(1)
    group.arrive((2,))
    group.on_done = lambda jobs: 1 in jobs and group.arrive((3,))
    group.may_end.set()
    assert group.wait(3) == [[1], [2, 3]]
