"""Elects one worker to refresh the dashboards, with a lease in Redis for each interval. If that worker dies, at most
one refresh is missed.
"""

import uuid
from collections.abc import Callable, Iterable
from functools import partial

from koyjabo.base.cluster import redis_client
from koyjabo.base.cluster.outbox import RedisOutbox
from koyjabo.base.cluster.redis_client import RedisClient
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.runtime import Runtime
from .dashboard_leader import BEAT_S, DashboardLeader

KEEP_S = 5.0
"""How long a dashboard counts as open after a worker has reported it, s. Workers report every second."""

DASHBOARD_KEYS = ("koyjabo:{dashboards}:watched", "koyjabo:{dashboards}:beat")


class RedisLeader(DashboardLeader):
    """Elects through Redis. While Redis is down, each worker refreshes its own dashboards."""

    def __init__(self, client: RedisClient, outbox: RedisOutbox, runtime: Runtime, clock: Clock) -> None:
        super().__init__(clock)
        self._script = redis_client.load(client, __file__, "beat")
        self._outbox = outbox
        self._runtime = runtime
        self._worker = uuid.uuid4().hex

    def refresh_if_due(self, watched: Iterable[str], refresh: Callable[[Iterable[str]], None]) -> None:
        self._outbox.send_newest("beat", partial(self._ask, tuple(watched), refresh))
        if not self._outbox.reachable:
            super().refresh_if_due(watched, refresh)

    def _ask(self, watched: tuple[str, ...], refresh: Callable[[Iterable[str]], None]) -> None:
        times = (self._worker, round(BEAT_S * 1000), round(KEEP_S * 1000))
        everywhere = self._script(DASHBOARD_KEYS, (*times, *watched))
        if everywhere is not None:  # in a task, because it reads the database, and the outbox must not wait for that
            self._runtime.start_task(lambda: refresh([scope.decode() for scope in everywhere]))
