"""What each feature is built from, and what workers share: Redis, or the memory of a single worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from koyjabo.cluster.workers import MemoryWorkers, Workers
from koyjabo.core.clock import Clock
from koyjabo.core.runtime import Runtime
from koyjabo.core.services import Services
from koyjabo.core.signals import Signals
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.settings.schema import Settings

if TYPE_CHECKING:
    from koyjabo.cluster.redis_client import SharedRedis


@dataclass(frozen=True, slots=True)
class Cluster:
    workers: Workers
    redis: SharedRedis | None = None
    """None for a single worker."""

    @property
    def redis_answers(self) -> Callable[[], bool] | None:
        """Whether Redis answered the last call; None without Redis."""
        redis = self.redis
        return None if redis is None else lambda: redis.outbox.reachable

    def drain(self) -> None:
        """Wait until this worker's messages are published, or for a limited time."""
        if self.redis is not None:
            self.redis.outbox.drain()


def open_cluster(redis_url: str, runtime: Runtime, on_return: Callable[[], object]) -> Cluster:
    """`redis_url` is "" for a single worker. `on_return` is called when Redis answers again after an outage."""
    if not redis_url:
        return Cluster(MemoryWorkers())
    from koyjabo.cluster.redis_client import share
    from koyjabo.cluster.workers_redis import RedisWorkers

    redis = share(redis_url, runtime, on_return)
    return Cluster(RedisWorkers(redis.client, redis.outbox), redis)


@dataclass(frozen=True, slots=True)
class Base:
    """The argument of every `build`. `services` are those of the features that were built before."""

    settings: Settings
    clock: Clock
    runtime: Runtime
    database: DatabaseExecutor
    cluster: Cluster
    services: Services

    @property
    def signals(self) -> Signals:
        return self.services.signals
