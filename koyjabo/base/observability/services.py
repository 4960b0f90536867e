"""The services for metrics and logs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from koyjabo.base.cluster.base import Base
from . import logs
from .metrics import Gauges, Metrics, Values, shared_folder, worker_place
from .socket_log import Reconnections, SocketLog


@dataclass(frozen=True, slots=True)
class ObservabilityServices:
    metrics: Metrics
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


def build(
    base: Base, interval_s: float, values: Callable[[], Values], caused_by_visits: Callable[[str], bool]
) -> ObservabilityServices:
    """Build the services. `values` returns the gauges' current values. `publish` is called every `interval_s`.
    `caused_by_visits` is for `SocketLog`.
    """
    lag, gauges = Lag(interval_s), Gauges(shared_folder(), worker_place(), values)
    metrics = Metrics(gauges)
    socket_log = SocketLog(metrics, Reconnections(shared_folder(), base.settings.secret_key), caused_by_visits)

    counted = logs.dropped_lines()

    def publish() -> None:
        nonlocal counted
        lag.measure()
        metrics.lines_dropped((dropped := logs.dropped_lines()) - counted)
        counted = dropped
        gauges.write()

    return ObservabilityServices(metrics, socket_log, lambda: lag.seconds, publish)
