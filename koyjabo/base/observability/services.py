"""The services for metrics and logs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from . import logs
from .metrics import BUILD, LAG, REDIS, WORKERS, Gauges, Metrics, build as build_label, shared_folder, worker_place
from .socket_log import Reconnections, SocketLog


@dataclass(frozen=True, slots=True)
class ObservabilityServices:
    metrics: Metrics
    gauges: Gauges
    socket_log: SocketLog
    lag_s: Callable[[], float]  # the last measured event loop lag
    publish: Callable[[], None]  # measures the lag and writes the gauges


class Lag:
    """Measures the event loop's lag: how late a call that is due every `interval_s` runs."""

    def __init__(self, interval_s: float) -> None:
        self.seconds = 0.0
        self._interval_s = interval_s
        self._due: float | None = None  # monotonic s; None before the first call

    def measure(self) -> None:
        now = time.monotonic()
        self.seconds = max(0.0, now - self._due) if self._due is not None else 0.0
        self._due = now + self._interval_s


def build(base: Base, interval_s: float) -> ObservabilityServices:
    """Build the services. `publish` is called every `interval_s`."""
    lag, gauges = Lag(interval_s), Gauges(shared_folder(), worker_place())
    metrics = Metrics(gauges)
    socket_log = SocketLog(metrics, Reconnections(shared_folder(), base.settings.secret_key))
    gauges.provide(WORKERS, lambda: 1)
    gauges.provide(LAG, lambda: lag.seconds)
    gauges.provide(REDIS, lambda: base.cluster.redis_responds)
    gauges.provide(BUILD, lambda: {build_label(): 1})

    counted = logs.dropped_lines()

    def publish() -> None:
        nonlocal counted
        lag.measure()
        metrics.lines_dropped((dropped := logs.dropped_lines()) - counted)
        counted = dropped
        gauges.write()

    return ObservabilityServices(metrics, gauges, socket_log, lambda: lag.seconds, publish)
