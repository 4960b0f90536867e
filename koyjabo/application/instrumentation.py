"""Connects the metrics with their sources, which do not depend on Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from koyjabo.application.services import Services
from koyjabo.observability.gauges import (
    BUILD,
    COMMUNITIES,
    CONNECTIONS,
    DATABASE,
    FREE,
    LAG,
    OLDEST,
    REDIS,
    UNPROJECTED,
    WAITING,
    WORKERS,
    Gauges,
    Values,
    build,
)
from koyjabo.observability.metrics import OTHER, Metrics, shared_folder, worker_place
from koyjabo.observability.reconnections import Reconnections
from koyjabo.observability.socket_log import SocketLog
from koyjabo.realtime import socket_counts

MOST_COMMUNITIES = 50


class Lag:
    """Measures the lag of the event loop: the delay of a call that is due every `interval_s`."""

    def __init__(self, interval_s: float) -> None:
        self.seconds = 0.0
        self._interval_s = interval_s
        self._due: float | None = None  # monotonic s; None before the first call

    def measure(self) -> None:
        now = time.monotonic()
        self.seconds = max(0.0, now - self._due) if self._due is not None else 0.0
        self._due = now + self._interval_s


class Instrumentation:
    """The metrics and the socket log. `values` returns the current ones of the gauges. Call `publish` every second."""

    def __init__(self, secret: str, interval_s: float, values: Callable[[], Values]) -> None:
        self.lag = Lag(interval_s)
        self._gauges = Gauges(shared_folder(), worker_place(), values)
        self.metrics = Metrics(self._gauges)
        self.socket_log = SocketLog(self.metrics, Reconnections(shared_folder(), secret))

    def publish(self) -> None:
        self.lag.measure()
        self._gauges.write()


def values_of(services: Services) -> Values:
    visits, observability = services.counting.visits, services.observability
    writer, redis_answers = visits.writer(), observability.redis_answers
    disk = services.insights.events.space.disk()
    redis = {} if redis_answers is None else {REDIS.name: {"": float(redis_answers())}}
    return {
        WORKERS.name: {"": 1},
        CONNECTIONS.name: socket_counts.sockets(services.realtime.fanout),
        COMMUNITIES.name: _largest(services.communities.participants.counts()),
        WAITING.name: {"": writer.waiting},
        OLDEST.name: {"": writer.oldest_s},
        UNPROJECTED.name: {"": services.insights.projection.last_behind},
        LAG.name: {"": observability.lag_s()},
        DATABASE.name: {"": float(not visits.newest().stale)},
        **({FREE.name: {"": disk.free}} if disk else {}),
        **redis,
        BUILD.name: {build(): 1},
    }


def _largest(counts: Counter[str]) -> dict[str, int]:
    found = dict(counts.most_common(MOST_COMMUNITIES))
    rest = counts.total() - sum(found.values())
    return {**found, OTHER: rest} if rest else found
