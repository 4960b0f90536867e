"""Counts and measures what happens on this worker, for Prometheus.

prometheus-client stores counters and histograms in files that the server's workers share. Each file is named after the
worker's place (0, 1, …), not its pid, so that a replacement worker continues the counts and files do not pile up.
"""

import os
import re
from _thread import RLock
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .all_metrics import (
    ATTENDANCE_ROWS,
    ATTENDANCE_WRITES,
    COMMIT_DURATION,
    COMMIT_TO_CLIENT,
    COMMIT_VISITS,
    CONNECTION_DURATION,
    CONNECTIONS_OPENED,
    DROPPED_ITEMS,
    ERRORS_COUNTED,
    LEDGER_ROLLBACKS,
    LOG_LINES_DROPPED,
    MESSAGES_RECEIVED,
    MESSAGES_SENT,
    RECONNECTIONS_COUNTED,
)
from .gauges import Gauges
from .metric import Metric

SOCKET_KINDS = (
    *("site", "communities", "dashboards", "panel", "shares"),
    "socketio",
    "streams",
)
"""Plain WebSockets by kind of room, and the kinds of other sinks (`realtime.sinks`): Socket.IO clients, streams."""

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SERVER_MESSAGES = (
    *("visitor_update", "visitor_count", "visitor_joined", "visitor_left", "members_online"),
    *("dashboard_update", "analytics_update"),
)
CLIENT_MESSAGES = ("ping", "request_count", "join", "leave")
DROPPED_KINDS = ("attended_time", "inputs", "too_many_of_a_visitor", "unmatched_visits")
"""What may be dropped because too much of it is waiting."""

OTHER_KIND = "other"
ERROR_KIND, MAX_ERROR_KINDS = re.compile(r"\w{1,50}", re.ASCII), 200
"""The pattern for error kinds, and their maximum number. Further kinds count as `other`, because libraries may log
anything, and the counters must fit into their file (see `koyjabo.server.process.metrics_folder`).
"""

disable_created_metrics()  # type: ignore[no-untyped-call]  # shared files do not support them either


def shared_folder() -> str | None:
    """The folder for the counters of all workers on a server. Without one, each process reports only its own
    counters.
    """
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def worker_place() -> str | None:
    """This worker's place among the server's workers: 0, 1, …; None under another WSGI server."""
    return os.environ.get("KOYJABO_WORKER")


class Metrics:
    """The counters and histograms of one application. `text` also contains the other workers' values."""

    def __init__(self, gauges: Gauges) -> None:
        self._folder, place = shared_folder(), worker_place()
        is_shared = self._folder and place
        values.Lock = RLock  # type: ignore[assignment,attr-defined]  # eventlet's takes 18 times as long
        values.ValueClass = values.MultiProcessValue(lambda: place) if is_shared else values.MutexValue  # type: ignore[no-untyped-call]
        self._own = CollectorRegistry()
        self._now = CollectorRegistry()
        self._now.register(gauges)
        self._by_label: dict[str, dict[str, Counter]] = {
            CONNECTIONS_OPENED.name: self._counters(CONNECTIONS_OPENED, SOCKET_KINDS),
            MESSAGES_SENT.name: self._counters(MESSAGES_SENT, (*SERVER_MESSAGES, OTHER_KIND)),
            MESSAGES_RECEIVED.name: self._counters(MESSAGES_RECEIVED, (*CLIENT_MESSAGES, OTHER_KIND)),
            DROPPED_ITEMS.name: self._counters(DROPPED_ITEMS, DROPPED_KINDS),
        }
        self._errors = Counter(ERRORS_COUNTED.name, ERRORS_COUNTED.meaning, ["kind"], registry=self._own)
        self._kinds: set[str] = set()
        self._reconnections, self._rollbacks, self._lines_dropped, self._attendance_rows = (
            Counter(metric.name, metric.meaning, registry=self._own)
            for metric in (RECONNECTIONS_COUNTED, LEDGER_ROLLBACKS, LOG_LINES_DROPPED, ATTENDANCE_ROWS)
        )
        self._duration, self._commit, self._batch, self._delivery, self._attendance = (
            Histogram(metric.name, metric.meaning, buckets=metric.buckets, registry=self._own)
            for metric in (CONNECTION_DURATION, COMMIT_DURATION, COMMIT_VISITS, COMMIT_TO_CLIENT, ATTENDANCE_WRITES)
        )

    def _counters(self, counted: Metric, known: tuple[str, ...]) -> dict[str, Counter]:
        """Create a counter for each known label in advance, so that counting needs no lookup and Prometheus sees
        zeros.
        """
        counter = Counter(counted.name, counted.meaning, [str(counted.label)], registry=self._own)
        return {label: counter.labels(label) for label in known}

    def opened(self, kind: str, is_reconnection: bool) -> None:
        self._by_label[CONNECTIONS_OPENED.name][kind].inc()
        if is_reconnection:
            self.reconnected()

    def reconnected(self) -> None:
        self._reconnections.inc()

    def closed(self, duration_s: float) -> None:
        self._duration.observe(duration_s)

    def sent(self, event: str, clients: int) -> None:
        """Count one event that was sent to `clients` clients."""
        self._count(MESSAGES_SENT, event, clients)

    def delivered(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def received(self, kind: str) -> None:
        self._count(MESSAGES_RECEIVED, kind, 1)

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
        self._by_label[DROPPED_ITEMS.name][kind].inc(number)

    def error(self, kind: str) -> None:
        if kind not in self._kinds:
            if len(self._kinds) < MAX_ERROR_KINDS and ERROR_KIND.fullmatch(kind):
                self._kinds.add(kind)
            else:
                kind = OTHER_KIND
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
        counters.get(label, counters[OTHER_KIND]).inc(by)
