"""Gauges: current values of this worker and of the server's other workers.

Each worker writes its values to a file once a second. The worker that Prometheus scrapes combines all files.
prometheus-client's own gauges keep every label they ever had, but communities come and go. A file older than FRESH_S
belongs to a worker that has ended.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from koyjabo.base.core.installation import VERSION

Values = Mapping[str, Mapping[str, float]]
"""Values by name and label; "" is the label of a gauge without labels."""

FRESH_S = 5.0


class Gauge(NamedTuple):
    name: str
    meaning: str
    combine: Callable[[Iterable[float]], float]  # combines the values of several workers
    label: str | None = None
    family: type[CounterMetricFamily] | type[GaugeMetricFamily] = GaugeMetricFamily


WORKERS = Gauge("koyjabo_workers", "running workers", sum)
CONNECTIONS = Gauge("koyjabo_connections", "open sockets", sum, "kind")
ACTIVE = Gauge("koyjabo_active_visitors", "active visitors of the site", max)
COMMUNITIES = Gauge(
    "koyjabo_community_connections",
    "sockets in community rooms: the 50 largest of each worker, and the rest as `other`",
    sum,
    "community",
)
WAITING = Gauge("koyjabo_visits_waiting", "visits waiting for their commit", sum)
OLDEST = Gauge("koyjabo_oldest_visit_waiting_seconds", "how long the oldest of these visits has waited", max)
UNPROJECTED = Gauge("koyjabo_visits_unprojected", "visits that are not in reports yet", max)
LAG = Gauge("koyjabo_loop_lag_seconds", "how late a worker is with the work it does every second", max)
FREE = Gauge("koyjabo_disk_free_bytes", "free space on the disk of the SQLite file; absent with PostgreSQL", min)
DATABASE = Gauge("koyjabo_database_up", "1 while the database responds to all workers", min)
REDIS = Gauge("koyjabo_redis_up", "1 while Redis responds to all workers; absent without Redis", min)
BACKUP = Gauge(
    "koyjabo_backup_proven_timestamp_seconds",
    "time of the newest verified backup, in seconds since 1970; absent before the first",
    max,
)
BACKUP_BYTES = Gauge("koyjabo_backup_bytes", "size of that backup's file", max)
BACKUP_FAILURES = Gauge(
    "koyjabo_backup_failures_total",
    "failed backups, as recorded in the database; absent if the server makes no backups",
    max,
    family=CounterMetricFamily,
)
BUILD = Gauge("koyjabo_build_info", "always 1; the label gives the running version", max, "version")
GAUGES = (
    *(WORKERS, CONNECTIONS, ACTIVE, COMMUNITIES, WAITING, OLDEST, UNPROJECTED, LAG, FREE, DATABASE, REDIS),
    *(BACKUP, BACKUP_BYTES, BACKUP_FAILURES, BUILD),
)


class Gauges(Collector):
    """The gauges. `read_values` returns this worker's values. Without a folder, other workers are left out."""

    def __init__(self, folder: str | None, place: str | None, read_values: Callable[[], Values]) -> None:
        self._read_values = read_values
        self._folder = Path(folder) if folder else None
        self._own = f"now_{place or os.getpid()}.json"

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

    def collect(self) -> Iterator[Metric]:
        workers = [self._read_values(), *self._others()]
        for gauge in GAUGES:
            of_workers = [values[gauge.name] for values in workers if gauge.name in values]
            if of_workers:
                yield _family(gauge, of_workers)

    def describe(self) -> list[Metric]:
        return []

    def _others(self) -> Iterator[Values]:
        for file in self._folder.glob("now_*.json") if self._folder else ():
            with suppress(OSError, ValueError):
                if file.name != self._own and time.time() - file.stat().st_mtime < FRESH_S:
                    yield json.loads(file.read_text())


def _family(gauge: Gauge, of_workers: list[Mapping[str, float]]) -> Metric:
    family = gauge.family(gauge.name, gauge.meaning, labels=[gauge.label] if gauge.label else None)
    for label in dict.fromkeys(label for values in of_workers for label in values):
        value = gauge.combine(values[label] for values in of_workers if label in values)
        family.add_metric([label] if gauge.label else [], value)
    return family


def build() -> str:
    return f"{VERSION} (Python {platform.python_version()})"
