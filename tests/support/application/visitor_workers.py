"""Workers that share active visitors in Redis, or one that keeps them in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient, Script, connect
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.models import Scope
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.presence.visitors.active_visitors_redis import RedisActiveVisitors
from support.application.site import Time
from support.databases.redis import Redis
from support.programs.patience import PATIENCE_S
from support.programs.processes import wait_until

WINDOW_S = 300
DHAKA, SYLHET = "Dhaka, BD", "Sylhet, BD"

ROUNDS = 100
"""All rounds together usually take 20 ms. If each waited a second for Redis, they would exceed PATIENCE_S."""


def clock_of(time: Time) -> Clock:
    return Clock(ZoneInfo("UTC"), time, time.elapsed_ms, release_ms=0)


def flush(outbox: RedisOutbox) -> None:
    """Return when everything queued so far has been sent."""
    sent = threading.Event()

    def sends() -> bool:
        outbox.send_in_order(sent.set)
        return sent.wait(0.5)  # ordered messages are dropped while Redis is away

    wait_until(sends, "the outbox is empty")


def assert_none_waits(outbox: RedisOutbox, one_round: Callable[[], object]) -> None:
    """Assert that calls do not wait while Redis is away, before the outbox notices it and afterwards."""
    for is_noticed in (False, True):
        if is_noticed:
            wait_until(lambda: not outbox.reachable, "the outbox gives up")
        began = time.monotonic()
        for _ in range(ROUNDS):
            one_round()
        assert time.monotonic() - began < PATIENCE_S


class RedisLink:
    """One worker's connection to Redis: a client, an outbox, and a list of received changes."""

    def __init__(self, url: str, on_return: Callable[[], None] = lambda: None) -> None:
        self.client = connect(url)
        self.news: list = []
        self.outbox = RedisOutbox(ThreadRuntime(), self.client, on_return)

    def flush(self) -> None:
        flush(self.outbox)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Hold back `send_newest`, so that the test decides when the worker sends next."""
        self.outbox.send_newest = lambda key, send: None  # type: ignore[method-assign]
        yield
        del self.outbox.send_newest


class Worker(RedisLink):
    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url, lambda: self.visitors.resend())
        self.visitors = RedisActiveVisitors(clock, WINDOW_S, self.client, self.outbox, self._note)

    def _note(self, scope: Scope) -> None:
        self.news.append((scope, self.visitors.count(scope)))

    def look(self) -> None:
        """Read the current state from Redis."""
        self.visitors.refresh()
        self.flush()


class MemoryWorld:
    def __init__(self) -> None:
        self.time = Time()
        self.visitors = MemoryActiveVisitors(clock_of(self.time), WINDOW_S)
        self.pass_ = self.time.pass_

    def settle(self) -> None:
        """Nothing to wait for; RedisWorld has other workers."""


class TimedScript(Script):
    """A script that gets the time of a world as a last key, instead of reading the clock of Redis."""

    def __init__(self, world: RedisWorld, client: RedisClient, module: str, name: str) -> None:
        text = Path(module).with_name(f"{name}.lua").read_text()
        super().__init__(client, text.replace("redis.call('TIME')", "{0, KEYS[#KEYS] * 1000}"))
        self._world = world

    def __call__(self, keys: Any, arguments: Any) -> Any:
        self._world.redis_ms += 1  # data that was lost and begins again has another age
        return super().__call__([*keys, self._world.redis_ms], arguments)

    def call_all(self, calls: Any) -> list[Any]:
        return [self(keys, arguments) for keys, arguments in calls]


class RedisWorld:
    """Time passes in Redis only when a test lets it pass, so that no lease ends because a machine is busy."""

    worker_type: type[Any] = Worker

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.time = Time()
        self.redis_ms = self.time.ms
        self.workers: list[Any] = []
        self.dead: list[Any] = []

    @property
    def first(self) -> Any:
        return (self.workers or [self.new_worker()])[0]

    @property
    def visitors(self) -> RedisActiveVisitors:
        return self.first.visitors

    def new_worker(self) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(redis_client, "load", partial(TimedScript, self))
            self.workers.append(self.worker_type(self.redis.url, clock_of(self.time)))
        return self.workers[-1]

    def settle(self) -> None:
        """Wait until every worker has sent its state to Redis, then let each read what is there."""
        for _ in range(2):
            for worker in self.workers:
                worker.look()

    def pass_(self, **how_long: float) -> None:
        self.settle()
        before_ms = self.time.ms
        self.time.pass_(**how_long)
        self.let_leases_end(self.time.ms - before_ms)

    def let_leases_end(self, ms: int) -> None:
        self.redis_ms += ms

    def close(self) -> None:
        if self.redis.running:
            self.redis.thaw()
        for worker in [*self.workers, *self.dead]:
            if self.redis.running:
                worker.flush()
            worker.client.close()


@contextmanager
def redis_world(redis: Redis) -> Iterator[RedisWorld]:
    world = RedisWorld(redis)
    yield world
    world.close()
