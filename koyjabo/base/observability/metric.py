"""Definitions of metrics. `all_metrics` has them all."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


class Gauge(NamedTuple):
    name: str
    meaning: str
    combine: Callable[[Iterable[float]], float]  # combines the values of several workers
    label: str | None = None
    family: type[CounterMetricFamily] | type[GaugeMetricFamily] = GaugeMetricFamily


class Metric(NamedTuple):
    """The definition of a counter, or of a histogram if it has buckets."""

    name: str  # without prometheus-client's `_total`
    meaning: str
    label: str | None = None
    buckets: tuple[float, ...] = ()
