"""The list of workers, in memory and in Redis (koyjabo.workers)."""

import json

import pytest
from support.application.visitor_workers import RedisLink
from support.databases.redis import Redis
from support.programs.processes import wait_until

from koyjabo.base.cluster.workers import MemoryWorkers, Progress, RunningJob, Worker
from koyjabo.base.cluster.workers_redis import KEYS, LEASE_S, RedisWorkers

SOCKETS = {"site": 3, "communities": 2, "dashboards": 1, "socketio": 4}


def worker(name: str = "a", **facts: object) -> Worker:
    fields = {"host": "here", "pid": 7, "started_ms": 1, "seen_ms": 2, "memory_kb": 90_000, "sockets": SOCKETS}
    return Worker(**{"id": name, "recount": None, **fields, **facts})


class ReportingWorker(RedisLink):
    """One worker's connection to the other workers."""

    def __init__(self, server: Redis) -> None:
        super().__init__(server.url)
        self.workers = RedisWorkers(self.client, self.outbox)

    def report(self, state: Worker) -> None:
        self.workers.report(state)
        self.flush()


@pytest.fixture
def reporting(redis_server) -> ReportingWorker:
    return ReportingWorker(redis_server)


@pytest.fixture(params=["memory", "redis_server"])
def known(request):
    """A list of workers, and a function that waits until a report has arrived."""
    if request.param == "memory":
        return MemoryWorkers(), lambda: None
    reporting = request.getfixturevalue("reporting")
    return reporting.workers, reporting.flush


def test_state_of_a_worker_is_its_last_report(known):
    workers, wait = known
    assert workers.live() == []
    workers.report(worker())
    wait()
    jobs = (RunningJob("export", 5, 1, 9),)
    now = worker(memory_kb=None, recount=Progress(5, 10, 20), lag_ms=1.5, unsaved_ms=7, jobs=jobs)
    workers.report(now)
    wait()
    workers.live().clear()  # the list belongs to the caller
    assert workers.live() == [now]


def test_workers_know_of_each_other_until_the_lease_ends(reporting, redis_server):
    other = ReportingWorker(redis_server)
    reporting.report(worker("a"))
    other.report(worker("b", pid=6))
    assert other.workers.live() == [worker("b", pid=6), worker("a")]
    reporting.report(worker("a"))
    assert reporting.workers.live() == other.workers.live()
    with redis_server.client() as client:
        client.zincrby(KEYS[1], -LEASE_S * 1000, "a")
        other.report(worker("b"))
        assert other.workers.live() == [worker("b")]
        assert client.hkeys(KEYS[0]) == ["b"]


def test_workers_of_other_versions_may_say_more_or_less(reporting, redis_server):
    state = worker("b")._asdict()
    older = {name: value for name, value in state.items() if name not in ("lag_ms", "unsaved_ms", "jobs")}
    with redis_server.client() as client:
        client.hset(KEYS[0], "b", json.dumps({**state, "more": 1}))
        client.hset(KEYS[0], "c", json.dumps({**older, "id": "c"}))
    reporting.report(worker("a"))
    assert {worker.id for worker in reporting.workers.live()} == {"a", "b", "c"}


def test_worker_knows_itself_while_redis_is_away(disposable_redis):
    reporting = ReportingWorker(disposable_redis)
    other = ReportingWorker(disposable_redis)
    other.report(worker("b"))
    reporting.report(worker("a"))
    assert reporting.workers.redis_ms > 0
    disposable_redis.kill()
    reporting.workers.report(worker("a", pid=8))
    wait_until(lambda: not reporting.outbox.reachable, "it is noticed")
    assert reporting.workers.live() == [worker("a", pid=8)]
    assert reporting.workers.redis_ms is None
