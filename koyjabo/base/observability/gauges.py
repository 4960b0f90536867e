"""Current values of this worker and of the server's other workers.

Each worker writes its values to a file once a second. The worker that Prometheus scrapes combines all files.
prometheus-client's own gauges keep every label they ever had, but communities come and go.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import Metric as MetricFamily
from prometheus_client.registry import Collector

from .all_metrics import GAUGES
from .metric import Gauge

Values = Mapping[str, Mapping[str, float]]
"""Values by name and label; "" is the label of a gauge without labels."""

ReadGauge = Callable[[], Mapping[str, float] | float | None]
"""Returns a gauge's values by label, or its only value, or None."""

WORKER_FILE_S = 5.0
"""A file older than this belongs to a worker that has ended, s."""


class Gauges(Collector):
    """The gauges. Features provide this worker's values. Without a folder, other workers are left out."""

    def __init__(self, folder: str | None, place: str | None) -> None:
        self._readers: dict[str, ReadGauge] = {}
        self._folder = Path(folder) if folder else None
        self._own = f"now_{place or os.getpid()}.json"

    def provide(self, gauge: Gauge, read: ReadGauge) -> None:
        """Set how a gauge's current value is read. A value of None is left out."""
        self._readers[gauge.name] = read

    def _read_values(self) -> Values:
        values = ((name, read()) for name, read in self._readers.items())
        return {
            name: value if isinstance(value, Mapping) else {"": value} for name, value in values if value is not None
        }

    def write(self) -> None:
        """Write this worker's values, for the other workers. Call this every second. The file is replaced
        atomically.
        """
        if self._folder is None:
            return
        draft = self._folder / f"{self._own}.draft"
        with suppress(OSError):  # the folder has been removed
            draft.write_text(json.dumps(self._read_values()))
            draft.replace(self._folder / self._own)

    def collect(self) -> Iterator[MetricFamily]:
        workers = [self._read_values(), *self._others()]
        for gauge in GAUGES:
            of_workers = [values[gauge.name] for values in workers if gauge.name in values]
            if of_workers:
                yield _family(gauge, of_workers)

    def describe(self) -> list[MetricFamily]:
        return []

    def _others(self) -> Iterator[Values]:
        for file in self._folder.glob("now_*.json") if self._folder else ():
            with suppress(OSError, ValueError):
                if file.name != self._own and time.time() - file.stat().st_mtime < WORKER_FILE_S:
                    yield json.loads(file.read_text())


def _family(gauge: Gauge, of_workers: list[Mapping[str, float]]) -> MetricFamily:
    family = gauge.family(gauge.name, gauge.meaning, labels=[gauge.label] if gauge.label else None)
    for label in dict.fromkeys(label for worker in of_workers for label in worker):
        value = gauge.combine(worker[label] for worker in of_workers if label in worker)
        family.add_metric([label] if gauge.label else [], value)
    return family
