"""Workers that share who is here, or one that has it for itself, and a clock that tests set.

Redis goes by its own clock, so there time passes by letting every lease end that much earlier. It passes in steps, and
after each of them every worker that lives is looked after, as its pulse would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from koyjabo.clock import Clock
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.models import Scope
from koyjabo.presence.members.memory_store import MemoryOnlineMembers
from koyjabo.presence.members.redis_store import RedisOnlineMembers
from koyjabo.runtime import ThreadRuntime
from support.app_fixtures import Time
from support.redis import Redis
from support.visitor_worlds import clock_of, flush

GRACE_S, LEASE_S = 5, 10
STEP_MS = 4000
HIKERS, RIDERS = Scope("hikers"), Scope("riders")


def steps_ms(how_long: dict[str, float]) -> Iterator[int]:
    left_ms = timedelta(**how_long) // timedelta(milliseconds=1)
    while left_ms > 0:
        yield min(left_ms, STEP_MS)
        left_ms -= STEP_MS


class MemoryWorld:
    """One server, which is alone."""

    def __init__(self) -> None:
        self.time = Time()
        self.workers = [self]
        self.news: list[tuple[Scope, int]] = []
        self.members = MemoryOnlineMembers(clock_of(self.time), GRACE_S, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.members.online(scope).count))

    def pass_(self, **how_long: float) -> None:
        self.time.pass_(**how_long)
        self.settle()

    def settle(self) -> None:
        self.members.refresh()

    def close(self) -> None:
        """There is nothing to let go of."""


class Worker:
    """One worker: its online members, its outbox and its news."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.client = connect(url)
        self.news: list[tuple[Scope, int]] = []
        self.outbox = Outbox(ThreadRuntime(), self.client.ping, lambda: self.members.resend())
        self.members = RedisOnlineMembers(clock, GRACE_S, self.client, self.outbox, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.count(scope)))

    def count(self, scope: Scope = HIKERS) -> int:
        return self.members.online(scope).count

    def flush(self) -> None:
        flush(self.outbox)

    def look(self) -> None:
        """What the pulse does every second, and Redis's answer to it."""
        self.members.refresh()
        self.flush()


class RedisWorld:
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.time = Time()
        self.workers: list[Worker] = []
        self._dead: list[Worker] = []

    @property
    def members(self) -> RedisOnlineMembers:
        return self._first.members

    @property
    def news(self) -> list[tuple[Scope, int]]:
        return self._first.news

    @property
    def _first(self) -> Worker:
        return (self.workers or [self.new_worker()])[0]

    def new_worker(self) -> Worker:
        self.workers.append(Worker(self.redis.url, clock_of(self.time)))
        return self.workers[-1]

    def kill(self, worker: Worker) -> None:
        """It says no more."""
        self.workers.remove(worker)
        self._dead.append(worker)

    def settle(self) -> None:
        """Everybody has told Redis what they know, and then hears what it says."""
        for _ in range(2):
            for worker in self.workers:
                worker.members.refresh()
            for worker in self.workers:
                worker.flush()

    def pass_(self, **how_long: float) -> None:
        self.settle()
        for step_ms in steps_ms(how_long):
            self.time.pass_(milliseconds=step_ms)
            self._let_leases_end(step_ms)
            self.settle()

    def _let_leases_end(self, earlier_ms: int) -> None:
        with self.redis.client() as client:
            for key in client.scan_iter("koyjabo:online:*:leases"):
                for lease in client.zrange(key, 0, -1):
                    client.zincrby(key, -earlier_ms, lease)

    def close(self) -> None:
        for worker in [*self.workers, *self._dead]:
            if self.redis.running:
                worker.flush()
            worker.client.close()


@contextmanager
def redis_world(redis: Redis) -> Iterator[RedisWorld]:
    world = RedisWorld(redis)
    yield world
    world.close()


def counts(*workers, scope=HIKERS) -> list[int]:
    return [worker.count(scope) for worker in workers]
