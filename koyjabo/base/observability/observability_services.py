"""The services for metrics and logs."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.installation import VERSION
from . import logs
from .all_metrics import BUILD_GAUGE, LOOP_LAG_GAUGE, REDIS_GAUGE, WORKERS_GAUGE
from .gauges import Gauges
from .metrics import Metrics, shared_folder, worker_place
from .reconnections import Reconnections
from .socket_log import SocketLog


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
    gauges.provide(WORKERS_GAUGE, lambda: 1)
    gauges.provide(LOOP_LAG_GAUGE, lambda: lag.seconds)
    gauges.provide(REDIS_GAUGE, lambda: base.cluster.redis_responds)
    gauges.provide(BUILD_GAUGE, lambda: {_version(): 1})

    counted = logs.dropped_lines()

    def publish() -> None:
        nonlocal counted
        lag.measure()
        metrics.lines_dropped((dropped := logs.dropped_lines()) - counted)
        counted = dropped
        gauges.write()

    return ObservabilityServices(metrics, gauges, socket_log, lambda: lag.seconds, publish)


def _version() -> str:
    return f"{VERSION} (Python {platform.python_version()})"
