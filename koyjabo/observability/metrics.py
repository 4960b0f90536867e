"""What is counted for Prometheus: every name, in one place (docs/operations.md has the table; a test compares them).

Counters and histograms are prometheus-client's, in files that the workers of one server share. A worker's files go by
its place among them and not by its pid, so that one that replaces another counts on where that ended, and files do
not pile up. What is true at this moment is in `gauges`.
"""

from __future__ import annotations

import os
import re
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
from prometheus_client.multiprocess import MultiProcessCollector

from koyjabo.cluster.workers import SOCKET_KINDS
from koyjabo.observability.gauges import GAUGES, Gauges

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
"""Where the workers of one server keep what they count; without one, each process tells of itself."""

PLACE = os.environ.get("KOYJABO_WORKER")
"""Which of its server's workers this one is: 0, 1, …; another WSGI server does not say."""

if FOLDER and PLACE:
    values.ValueClass = values.MultiProcessValue(lambda: PLACE)

disable_created_metrics()  # files that are shared have no place for them either

MESSAGES = ("visitor_update", "visitor_count", "visitor_joined", "visitor_left", "dashboard_update", "analytics_update")
SAID = ("ping", "request_count", "join", "leave")
OTHER = "other"
KIND, MOST_KINDS = re.compile(r"\w{1,50}", re.ASCII), 200
"""Of errors. What libraries log may begin with anything, and what is counted has to fit in its file (see
`koyjabo.server.process.metrics_folder`): what is no such word, or comes when there are so many, is `other`.
"""

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
VISITS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
DURATION_S = (1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600)


class Counted(NamedTuple):
    """Something that is counted: a counter, or a histogram where it has buckets."""

    name: str  # without prometheus-client's `_total`
    meaning: str
    label: str | None = None
    buckets: tuple[float, ...] = ()


OPENED = Counted("koyjabo_connections_opened", "sockets that were opened", "kind")
DURATION = Counted(
    "koyjabo_connection_duration_seconds", "how long sockets were open when they ended", None, DURATION_S
)
RECONNECTIONS = Counted("koyjabo_reconnections", "sockets of clients that lost a connection less than a minute before")
SENT = Counted("koyjabo_messages_sent", "messages written to sockets, by event", "type")
RECEIVED = Counted("koyjabo_messages_received", "messages from sockets", "type")
ERRORS = Counted("koyjabo_errors", "errors: by error code, by the reason for a refused socket, by log line", "kind")
COMMIT = Counted(
    "koyjabo_commit_seconds", "from a visit's request to its commit, of the first in each batch", None, LATENCY_S
)
BATCH = Counted(
    "koyjabo_commit_visits", "visits committed together; the sum is how many visits there were", None, VISITS
)
DELIVERY = Counted(
    "koyjabo_commit_to_client_seconds", "from a commit until it is written to the last socket here", None, LATENCY_S
)
COUNTED = (OPENED, DURATION, RECONNECTIONS, SENT, RECEIVED, ERRORS, COMMIT, BATCH, DELIVERY)


class Metrics:
    """What one application has counted, and that of the workers beside it."""

    def __init__(self, gauges: Gauges) -> None:
        self._own = CollectorRegistry()
        self._now = CollectorRegistry()
        self._now.register(gauges)
        self._by_label: dict[str, dict[str, Counter]] = {
            OPENED.name: self._counters(OPENED, SOCKET_KINDS),
            SENT.name: self._counters(SENT, (*MESSAGES, OTHER)),
            RECEIVED.name: self._counters(RECEIVED, (*SAID, OTHER)),
        }
        self._errors = Counter(ERRORS.name, ERRORS.meaning, ["kind"], registry=self._own)
        self._kinds: set[str] = set()
        self._reconnections = Counter(RECONNECTIONS.name, RECONNECTIONS.meaning, registry=self._own)
        self._duration, self._commit, self._batch, self._delivery = (
            Histogram(each.name, each.meaning, buckets=each.buckets, registry=self._own)
            for each in (DURATION, COMMIT, BATCH, DELIVERY)
        )

    def _counters(self, counted: Counted, known: tuple[str, ...]) -> dict[str, Counter]:
        """One for each known label, from the beginning: nothing has to be looked up, and Prometheus sees the zero."""
        counter = Counter(counted.name, counted.meaning, [str(counted.label)], registry=self._own)
        return {label: counter.labels(label) for label in known}

    def opened(self, kind: str, is_reconnection: bool) -> None:
        self._by_label[OPENED.name][kind].inc()
        if is_reconnection:
            self._reconnections.inc()

    def closed(self, duration_s: float) -> None:
        self._duration.observe(duration_s)

    def sent(self, event: str, clients: int) -> None:
        """`clients` were sent the same; called once for all of them."""
        self._count(SENT, event, clients)

    def delivered(self, seconds: float) -> None:
        self._delivery.observe(seconds)

    def received(self, kind: str) -> None:
        self._count(RECEIVED, kind, 1)

    def committed(self, visits: int, seconds: float) -> None:
        self._batch.observe(visits)
        self._commit.observe(seconds)

    def error(self, kind: str) -> None:
        if kind not in self._kinds:
            if len(self._kinds) < MOST_KINDS and KIND.fullmatch(kind):
                self._kinds.add(kind)
            else:
                kind = OTHER
        self._errors.labels(kind).inc()

    def text(self) -> bytes:
        """In Prometheus' format, of all workers of this server; of this one where somebody cleaned the folder away."""
        counted = self._own
        if FOLDER and Path(FOLDER).is_dir():
            counted = CollectorRegistry()
            MultiProcessCollector(counted, FOLDER)
        return generate_latest(counted) + generate_latest(self._now)

    def _count(self, counted: Counted, label: str, by: int) -> None:
        counters = self._by_label[counted.name]
        counters.get(label, counters[OTHER]).inc(by)


def all_names() -> list[tuple[str, str, str]]:
    """(name as it is scraped, label, meaning) of everything there is."""
    counted = [(each.name if each.buckets else f"{each.name}_total", each.label, each.meaning) for each in COUNTED]
    return [
        (name, label or "", why) for name, label, why in [*counted, *((g.name, g.label, g.meaning) for g in GAUGES)]
    ]
