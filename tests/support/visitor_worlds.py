"""Workers that share presence, or one that has it for itself, and a clock that tests set.

Redis goes by its own clock, so there time passes by letting every lease end that much earlier.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from koyjabo.clock import Clock
from koyjabo.cluster.outbox import Outbox
from koyjabo.cluster.redis_client import connect
from koyjabo.models import SITE, Scope
from koyjabo.presence.visitors.memory_store import MemoryActiveVisitors
from koyjabo.presence.visitors.redis_store import RedisActiveVisitors
from koyjabo.runtime import ThreadRuntime
from support.app_fixtures import Time
from support.processes import wait_until
from support.redis import Redis

WINDOW_S = 300
DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"


def clock_of(time: Time) -> Clock:
    return Clock(ZoneInfo("UTC"), time, time.elapsed_ms)


def active(presence: MemoryActiveVisitors | RedisActiveVisitors, scope: Scope = SITE) -> int:
    return sum(presence.count(scope).places.values())


def flush(outbox: Outbox) -> None:
    """Return when all that was put into it before has been sent."""
    sent = threading.Event()

    def sends() -> bool:
        outbox.send_in_order(sent.set)
        return sent.wait(0.5)  # while Redis is away, what is sent in order is dropped

    wait_until(sends, "the outbox is empty")


class MemoryWorld:
    def __init__(self) -> None:
        self.time = Time()
        self.visitors = MemoryActiveVisitors(clock_of(self.time), WINDOW_S)

    def pass_(self, **how_long: float) -> None:
        self.time.pass_(**how_long)

    def settle(self) -> None:
        """Nobody else has anything to say."""


class Worker:
    """One worker's presence, its outbox and what it was told."""

    def __init__(self, url: str, clock: Clock, window_s: int) -> None:
        self.client = connect(url)
        self.news: list = []
        self.outbox = Outbox(ThreadRuntime(), self.client.ping, lambda: self.visitors.resend())
        self.visitors = RedisActiveVisitors(clock, window_s, self.client, self.outbox, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.visitors.count(scope)))

    def flush(self) -> None:
        flush(self.outbox)

    def look(self) -> None:
        """Look up what Redis says, now."""
        self.visitors.refresh()
        self.flush()


class RedisWorld:
    def __init__(self, redis: Redis, window_s: int = WINDOW_S) -> None:
        self.redis = redis
        self.time = Time()
        self.window_s = window_s
        self.workers: list[Worker] = []

    @property
    def visitors(self) -> RedisActiveVisitors:
        return (self.workers or [self.new_worker()])[0].visitors

    def new_worker(self) -> Worker:
        self.workers.append(Worker(self.redis.url, clock_of(self.time), self.window_s))
        return self.workers[-1]

    def settle(self) -> None:
        """Everybody has told Redis what they know, and then hears what it says."""
        for _ in range(2):
            for worker in self.workers:
                worker.look()

    def pass_(self, **how_long: float) -> None:
        self.settle()
        before_ms = self.time.ms
        self.time.pass_(**how_long)
        with self.redis.client() as client:
            for key in client.scan_iter("koyjabo:active:*:visitors"):
                for visitor in client.zrange(key, 0, -1):
                    client.zincrby(key, before_ms - self.time.ms, visitor)

    def close(self) -> None:
        if self.redis.running:
            for worker in self.workers:
                worker.flush()
        for worker in self.workers:
            worker.client.close()


@contextmanager
def redis_world(redis: Redis, window_s: int = WINDOW_S) -> Iterator[RedisWorld]:
    world = RedisWorld(redis, window_s)
    yield world
    world.close()
