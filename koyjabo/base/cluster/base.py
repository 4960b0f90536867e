"""The dependencies that features are built with, and the state that workers share, in Redis or in the memory of a
single worker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blinker import ANY, Signal

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.services import Services
from koyjabo.base.core.signals import Signals
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.schema import Settings
from .bus import Bus
from .workers import MemoryWorkers, Workers

if TYPE_CHECKING:
    from .outbox import SharedRedis
    from .redis_bus import RedisBus

TICK_S = 1.0
"""Interval of the work that every worker does about once a second, s."""


@dataclass(frozen=True, slots=True)
class Cluster:
    workers: Workers
    bus: Bus
    redis: "SharedRedis | None" = None
    """None for a single worker."""
    queue: "RedisBus | None" = None
    """The bus, as the transport of Socket.IO's queue; None for a single worker."""

    @property
    def redis_responds(self) -> bool | None:
        """Whether Redis responded to the last call, which was about a second ago; None without Redis."""
        return None if self.redis is None else self.redis.outbox.reachable

    @property
    def redis_refusal(self) -> str:
        """Why Redis refuses this worker, in its own words; "" if it does not."""
        return "" if self.redis is None else self.redis.client.refusal

    def drain(self) -> None:
        """Wait until this worker's messages are published, for a limited time."""
        if self.redis is not None:
            self.redis.outbox.drain()


def open_cluster(settings: Settings, runtime: Runtime, signals: Signals) -> Cluster:
    """Connect to REDIS_URL or, if it is not set, use the memory of a single worker. Raises Unusable."""
    if not settings.redis_url:
        return Cluster(MemoryWorkers(), Bus())
    from .outbox import RedisOutbox, SharedRedis
    from .redis_bus import RedisBus
    from .redis_client import connect
    from .workers_redis import RedisWorkers

    client = connect(settings.redis_url)
    client.refuse_cluster()
    outbox = RedisOutbox(runtime, client, signals.redis_returned.send)
    bus = RedisBus(client, outbox, runtime, signals, settings.publish_interval_ms / 1000)
    return Cluster(RedisWorkers(client, outbox), bus, SharedRedis(client, outbox), bus)


@dataclass(frozen=True, slots=True)
class Base:
    """The argument of every `register`. `services` contains the services of all features registered so far."""

    settings: Settings
    clock: Clock
    runtime: Runtime
    database: DatabaseExecutor
    cluster: Cluster
    services: Services

    @property
    def signals(self) -> Signals:
        return self.services.signals

    def on(self, signal: Signal, *receivers: Callable[..., object], of: Any = ANY) -> None:
        """Connect receivers to a signal, for all events or only for events with the subject `of`."""
        for receiver in receivers:
            signal.connect(receiver, of, weak=False)

    def every(self, interval_s: float, *calls: Callable[[], object]) -> None:
        """Make these calls one after the other every `interval_s` seconds, in a separate task. Work on leases and
        work in the database are separate tasks, so that neither waits for the other.
        """
        self.services.lifetime.every(interval_s, *calls)

    def at_stop(self, call: Callable[[], object]) -> None:
        """Commit pending writes on closing, before everything else, in the order of the features."""
        self.services.lifetime.at_stop(call)

    def at_close(self, call: Callable[[], object]) -> None:
        """Make a call on closing, after all pending writes. The last feature is closed first."""
        self.services.lifetime.at_close(call)
