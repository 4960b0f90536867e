"""Workers that share online members in Redis, or one that keeps them in memory. Time passes in steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from support.application import visitor_workers
from support.application.site import Time
from support.application.visitor_workers import RedisLink, clock_of
from support.databases.redis import Redis

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from koyjabo.presence.members.online_members_memory import MemoryOnlineMembers
from koyjabo.presence.members.online_members_redis import RedisOnlineMembers

GRACE_S, LEASE_S = 5, 10
STEP_MS = 2000
HIKERS, RIDERS = Scope("hikers"), Scope("riders")


class MemoryWorld:
    """A single server, with members in memory."""

    def __init__(self) -> None:
        self.time = Time()
        self.workers = [self]
        self.news: list[tuple[Scope, int]] = []
        self.members = MemoryOnlineMembers(clock_of(self.time), GRACE_S, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.members.online(scope).count))

    def new_worker(self) -> MemoryWorld:
        return self

    def look(self) -> None:
        self.members.refresh()

    settle = look

    def pass_(self, **how_long: float) -> None:
        self.time.pass_(**how_long)
        self.look()

    def close(self) -> None:
        """Nothing to close; RedisWorld has connections."""


class Worker(RedisLink):
    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url, lambda: self.members.refresh())
        self.members = RedisOnlineMembers(clock, GRACE_S, self.client, self.outbox, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.members.online(scope).count))

    def look(self) -> None:
        """Refresh, as the pulse does every second, and apply Redis's reply."""
        self.members.refresh()
        self.flush()


class RedisWorld(visitor_workers.RedisWorld):
    worker_type = Worker

    @property
    def members(self) -> RedisOnlineMembers:
        return self.first.members

    @property
    def news(self) -> list[tuple[Scope, int]]:
        return self.first.news

    def kill(self, worker: Worker) -> None:
        """Stop a worker without a goodbye."""
        self.workers.remove(worker)
        self.dead.append(worker)

    def settle(self) -> None:
        for _ in range(2):
            for worker in self.workers:
                worker.members.refresh()
            for worker in self.workers:
                worker.flush()

    def pass_(self, **how_long: float) -> None:
        self.settle()
        left_ms = timedelta(**how_long) // timedelta(milliseconds=1)
        while left_ms > 0:
            step_ms = min(left_ms, STEP_MS)
            left_ms -= step_ms
            self.time.pass_(milliseconds=step_ms)
            self.let_leases_end(step_ms)
            self.settle()


@contextmanager
def redis_world(redis: Redis) -> Iterator[RedisWorld]:
    world = RedisWorld(redis)
    yield world
    world.close()


def counts(*workers) -> list[int]:
    return [worker.members.online(HIKERS).count for worker in workers]
