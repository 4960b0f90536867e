"""Counters and histograms for Prometheus, all defined here (a test compares them with docs/operations.md).

prometheus-client stores them in files that the server's workers share. Each file is named after the worker's place (0,
1, …), not its pid, so that a replacement worker continues the counts and files do not pile up.

Gauges: current values of this worker and of the server's other workers.

Each worker writes its values to a file once a second. The worker that Prometheus scrapes combines all files.
prometheus-client's own gauges keep every label they ever had, but communities come and go. A file older than FRESH_S
belongs to a worker that has ended.
"""

import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric as MetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from koyjabo.base.core.installation import VERSION

SOCKET_KINDS = ("site", "communities", "dashboards", "panel", "shares", "socketio", "streams")
"""WebSockets by kind of room, Socket.IO clients, and Server-Sent Events streams."""

Values = Mapping[str, Mapping[str, float]]
"""Values by name and label; "" is the label of a gauge without labels."""

ReadGauge = Callable[[], Mapping[str, float] | float | None]
"""Returns a gauge's values by label, or its only value, or None."""

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
    "failed backups in the audit log; absent if the server makes no backups",
    max,
    family=CounterMetricFamily,
)
BUILD = Gauge("koyjabo_build_info", "always 1; the label gives the running version", max, "version")
GAUGES = (
    *(WORKERS, CONNECTIONS, ACTIVE, COMMUNITIES, WAITING, OLDEST, UNPROJECTED, LAG, FREE, DATABASE, REDIS),
    *(BACKUP, BACKUP_BYTES, BACKUP_FAILURES, BUILD),
)


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
                if file.name != self._own and time.time() - file.stat().st_mtime < FRESH_S:
                    yield json.loads(file.read_text())


def _family(gauge: Gauge, of_workers: list[Mapping[str, float]]) -> MetricFamily:
    family = gauge.family(gauge.name, gauge.meaning, labels=[gauge.label] if gauge.label else None)
    for label in dict.fromkeys(label for worker in of_workers for label in worker):
        value = gauge.combine(worker[label] for worker in of_workers if label in worker)
        family.add_metric([label] if gauge.label else [], value)
    return family


def build() -> str:
    return f"{VERSION} (Python {platform.python_version()})"


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # type: ignore[no-untyped-call]  # shared files do not support them either

MESSAGES = ("visitor_update", "visitor_count", "visitor_joined", "visitor_left", "dashboard_update", "analytics_update")
CLIENT_MESSAGES = ("ping", "request_count", "join", "leave")
DROPPED_KINDS = ("attended_time", "inputs", "too_many_of_a_visitor", "unmatched_visits")
"""What may be dropped because too much of it is waiting."""

OTHER = "other"
KIND, MAX_KINDS = re.compile(r"\w{1,50}", re.ASCII), 200
"""The pattern for error kinds, and their maximum number. Further kinds count as `other`, because libraries may log
anything, and the counters must fit into their file (see `koyjabo.server.process.metrics_folder`).
"""

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
VISITS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
DURATION_S = (1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)


def shared_folder() -> str | None:
    """The folder for the counters of all workers on a server. Without one, each process reports only its own
    counters.
    """
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def worker_place() -> str | None:
    """This worker's place among the server's workers: 0, 1, …; None under another WSGI server."""
    return os.environ.get("KOYJABO_WORKER")


class Metric(NamedTuple):
    """The definition of a counter, or of a histogram if it has buckets."""

    name: str  # without prometheus-client's `_total`
    meaning: str
    label: str | None = None
    buckets: tuple[float, ...] = ()


OPENED = Metric("koyjabo_connections_opened", "sockets that were opened", "kind")
DURATION = Metric("koyjabo_connection_duration_seconds", "how long sockets stayed open", None, DURATION_S)
RECONNECTIONS = Metric(
    "koyjabo_reconnections", "sockets opened by clients that lost a connection less than a minute earlier"
)
SENT = Metric("koyjabo_messages_sent", "messages written to sockets, by event", "type")
RECEIVED = Metric("koyjabo_messages_received", "messages received from sockets", "type")
ERRORS = Metric("koyjabo_errors", "errors, by error code, refusal reason or log line", "kind")
COMMIT = Metric(
    "koyjabo_commit_seconds",
    "time from a visit's request to its commit, for the first visit in each batch",
    None,
    LATENCY_S,
)
BATCH = Metric("koyjabo_commit_visits", "visits per commit; the sum is the number of visits", None, VISITS)
DELIVERY = Metric(
    "koyjabo_commit_to_client_seconds",
    "time from a visit's commit until it is written to the worker's last socket",
    None,
    LATENCY_S,
)
ROLLBACKS = Metric("koyjabo_ledger_rollbacks", "times the database was found to be rolled back")
DROPPED = Metric(
    "koyjabo_dropped", "what was dropped because too much was waiting, from the address with the most", "kind"
)
LINES_DROPPED = Metric(
    "koyjabo_log_lines_dropped", "log lines dropped because their reader was stuck or no space was left"
)
ATTENDANCE = Metric(
    "koyjabo_attendance_write_seconds", "time of each transaction that writes attended time", None, LATENCY_S
)
ATTENDANCE_ROWS = Metric("koyjabo_attendance_rows", "visits whose attended time was written")
CONNECTION_METRICS = (OPENED, DURATION, RECONNECTIONS, SENT, RECEIVED, ERRORS)
COUNTED = (
    *(*CONNECTION_METRICS, COMMIT, BATCH, DELIVERY, ROLLBACKS, DROPPED, LINES_DROPPED),
    *(ATTENDANCE, ATTENDANCE_ROWS),
)


class Metrics:
    """The counters and histograms of one application. `text` also contains the other workers' values."""

    def __init__(self, gauges: Gauges) -> None:
        self._folder, place = shared_folder(), worker_place()
        is_shared = self._folder and place
        values.ValueClass = values.MultiProcessValue(lambda: place) if is_shared else values.MutexValue  # type: ignore[no-untyped-call]
        self._own = CollectorRegistry()
        self._now = CollectorRegistry()
        self._now.register(gauges)
        self._by_label: dict[str, dict[str, Counter]] = {
            OPENED.name: self._counters(OPENED, SOCKET_KINDS),
            SENT.name: self._counters(SENT, (*MESSAGES, OTHER)),
            RECEIVED.name: self._counters(RECEIVED, (*CLIENT_MESSAGES, OTHER)),
            DROPPED.name: self._counters(DROPPED, DROPPED_KINDS),
        }
        self._errors = Counter(ERRORS.name, ERRORS.meaning, ["kind"], registry=self._own)
        self._kinds: set[str] = set()
        self._reconnections = Counter(RECONNECTIONS.name, RECONNECTIONS.meaning, registry=self._own)
        self._rollbacks = Counter(ROLLBACKS.name, ROLLBACKS.meaning, registry=self._own)
        self._lines_dropped = Counter(LINES_DROPPED.name, LINES_DROPPED.meaning, registry=self._own)
        self._attendance_rows = Counter(ATTENDANCE_ROWS.name, ATTENDANCE_ROWS.meaning, registry=self._own)
        self._duration, self._commit, self._batch, self._delivery, self._attendance = (
            Histogram(metric.name, metric.meaning, buckets=metric.buckets, registry=self._own)
            for metric in (DURATION, COMMIT, BATCH, DELIVERY, ATTENDANCE)
        )

    def _counters(self, counted: Metric, known: tuple[str, ...]) -> dict[str, Counter]:
        """Create a counter for each known label in advance, so that counting needs no lookup and Prometheus sees
        zeros.
        """
        counter = Counter(counted.name, counted.meaning, [str(counted.label)], registry=self._own)
        return {label: counter.labels(label) for label in known}

    def opened(self, kind: str, is_reconnection: bool) -> None:
        self._by_label[OPENED.name][kind].inc()
        if is_reconnection:
            self.reconnected()

    def reconnected(self) -> None:
        self._reconnections.inc()

    def closed(self, duration_s: float) -> None:
        self._duration.observe(duration_s)

    def sent(self, event: str, clients: int) -> None:
        """Count one event that was sent to `clients` clients."""
        self._count(SENT, event, clients)

    def delivered(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def received(self, kind: str) -> None:
        self._count(RECEIVED, kind, 1)

    def committed(self, visits: int, seconds: float) -> None:
        self._batch.observe(visits)
        self._commit.observe(seconds)

    def attended(self, visits: int, seconds: float) -> None:
        self._attendance_rows.inc(visits)
        self._attendance.observe(seconds)

    def rolled_back(self) -> None:
        self._rollbacks.inc()

    def lines_dropped(self, lines: int) -> None:
        self._lines_dropped.inc(lines)

    def dropped(self, kind: str, number: int) -> None:
        """Count what was dropped. `kind` is one of DROPPED_KINDS."""
        self._by_label[DROPPED.name][kind].inc(number)

    def error(self, kind: str) -> None:
        if kind not in self._kinds:
            if len(self._kinds) < MAX_KINDS and KIND.fullmatch(kind):
                self._kinds.add(kind)
            else:
                kind = OTHER
        self._errors.labels(kind).inc()

    def text(self) -> bytes:
        """The metrics of all workers in Prometheus format. If their folder has been removed, only this worker's
        metrics.
        """
        counted = self._own
        if self._folder and Path(self._folder).is_dir():
            counted = CollectorRegistry()
            MultiProcessCollector(counted, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._now)

    def _count(self, counted: Metric, label: str, by: int) -> None:
        counters = self._by_label[counted.name]
        counters.get(label, counters[OTHER]).inc(by)


def all_names() -> list[tuple[str, str, str]]:
    """Every metric's name as scraped, its label and its meaning."""
    counted = [
        (metric.name if metric.buckets else f"{metric.name}_total", metric.label, metric.meaning) for metric in COUNTED
    ]
    return [
        (name, label or "", why) for name, label, why in [*counted, *((g.name, g.label, g.meaning) for g in GAUGES)]
    ]
