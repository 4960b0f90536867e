"""The metrics as docs/operations.md lists them."""

from __future__ import annotations

from koyjabo.base.observability import all_metrics
from koyjabo.base.observability.all_metrics import GAUGES
from koyjabo.base.observability.metric import Metric


def metric_rows() -> list[tuple[str, str, str]]:
    """Every metric's name as scraped, its label and its meaning: counters and histograms, then gauges."""
    counted = [metric for metric in vars(all_metrics).values() if isinstance(metric, Metric)]
    rows = [
        (metric.name if metric.buckets else f"{metric.name}_total", metric.label or "", metric.meaning)
        for metric in counted
    ]
    return rows + [(gauge.name, gauge.label or "", gauge.meaning) for gauge in GAUGES]
