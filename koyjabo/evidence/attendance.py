"""Collects spans and heartbeats, and writes them to the database within seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from koyjabo.cluster.base import Base, Cluster
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.evidence import queries
from koyjabo.evidence.open_pages import OpenPages
from koyjabo.evidence.queries import Correct, Shown
from koyjabo.evidence.spans import KEPT_MS
from koyjabo.evidence.unwritten import Unwritten, UnwrittenSpans
from koyjabo.observability.metrics import Metrics
from koyjabo.observability.services import ObservabilityServices
from koyjabo.presence.services import PresenceServices
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets

log = logging.getLogger(__name__)

WRITE_S, DROP_S = 2.0, 60.0
"""Seconds between calls to `tick`, and between calls to `drop`."""

BATCH = 200
"""Maximum number of spans in a transaction. Visits wait for the transaction."""

MOST_DUE = 10 * BATCH
"""Maximum number of running spans written at once. After startup, many thousands are due at the same time."""

MOST_WAITING = 100_000
"""Maximum number of spans waiting for the database. Further spans are lost."""

MOST_EARLY = 10
"""Maximum number of a visitor's inputs and heartbeats that wait for a visit. Clients may invent visit ids."""

MOST_FAILURES = 3
"""Number of consecutive unexpected errors before a batch is dropped, so that invalid spans do not block all others."""

RETRIED_MS = 600_000
"""How long an input or a heartbeat waits for its visit to be committed, ms."""


class Early(NamedTuple):
    """An input or a heartbeat that arrived before its visit."""

    shown: Shown
    since_ms: int  # elapsed


class AttendanceWriter:
    """The attended time on this worker. `pages` has the open pages, and `unwritten` the spans of all workers. The
    reports feature replaces `correct`.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, sockets: VisitorSockets, metrics: Metrics, cluster: Cluster
    ) -> None:
        self.pages = OpenPages(clock, sockets.known, self.add)
        self.unwritten = UnwrittenSpans(cluster, clock, self._unwritten)
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._ended: deque[Shown] = deque()
        self._early: deque[Early] = deque(maxlen=MOST_WAITING)
        self._marks: deque[tuple[int, int]] = deque()  # (elapsed ms, `before_ms` for the rows written by then)
        self.correct: Correct = lambda session, visits: None
        self._failures = 0  # consecutive failures
        self._writing = threading.Lock()  # held while waiting for the database

    def add(self, shown: Shown) -> None:
        """Queue a span or a heartbeat. Never waits."""
        if len(self._ended) < MOST_WAITING:
            self._ended.append(shown)

    def beat(self, visitor_id: str, visit_id: str | None, visible: bool, acted: bool) -> None:
        """Queue a heartbeat. Never waits."""
        now_ms = self.pages.now_ms()
        self.add(Shown(visitor_id, visit_id, now_ms, now_ms, acted, visible))

    def _unwritten(self, visitors: Collection[str]) -> Unwritten:
        ended = [shown for shown in tuple(self._ended) if shown.visitor_id in visitors and shown.beat is None]
        return Unwritten(ended, self.pages.running(visitors))

    def forget(self, visitor_id: str) -> None:
        """Drop what is queued for a visitor."""
        # Other threads change the queues, so this iterates over copies.
        for shown in [shown for shown in list(self._ended) if shown.visitor_id == visitor_id]:
            with suppress(ValueError):
                self._ended.remove(shown)
        for early in [early for early in list(self._early) if early.shown.visitor_id == visitor_id]:
            with suppress(ValueError):
                self._early.remove(early)

    def tick(self) -> None:
        """Write the spans that have ended, and running spans that are due. Spans that cannot be written are retried
        later.
        """
        self.pages.follow_clock()
        with self._writing:
            if self._write_ended(BATCH):
                self._write_running(MOST_DUE)

    def close(self) -> None:
        """Write everything."""
        with self._writing:
            if self._write_ended(MOST_WAITING):
                self._write_running(len(self.pages), after_ms=0)

    def drop(self) -> None:
        """Remove the spans that were last written at least ten minutes ago. Call it every DROP_S."""
        now_ms, before_ms = self._clock.elapsed_ms(), 0
        while self._marks and self._marks[0][0] <= now_ms - KEPT_MS:
            _, before_ms = self._marks.popleft()
        try:
            newest, has_more = self._database.write(queries.drop, before_ms, self.correct)
            while has_more:
                _, has_more = self._database.write(queries.drop, before_ms, self.correct)
        except LedgerUnavailable:
            self._marks.clear()  # workers may still have spans that they could not write
        else:
            self._marks.append((now_ms, newest))

    def _write_ended(self, most_early: int) -> bool:
        """Write the spans that have ended. Returns False if they could not be written."""
        early = [self._early.popleft() for _ in range(min(len(self._early), most_early))]
        since_ms = dict(early)
        self._ended.extendleft(since_ms)
        for _ in range(-(-len(self._ended) // BATCH)):
            batch = [self._ended.popleft() for _ in range(min(len(self._ended), BATCH))]
            visit_ids = self._record(batch)
            if visit_ids is None:
                self._ended.extendleft(reversed(batch))
                return False
            now_ms = self._clock.elapsed_ms()
            self._wait(
                Early(shown, since_ms.get(shown, now_ms))
                for shown, visit_id in zip(batch, visit_ids, strict=True)
                if visit_id is None and (shown.acted or shown.beat is not None)
            )
        return True

    def _write_running(self, most: int, **after_ms: int) -> None:
        for _ in range(-(-min(most, len(self.pages)) // BATCH)):
            batch = self.pages.due(BATCH, **after_ms)
            visit_ids = self._record([page.shown for page in batch])
            if visit_ids is None:
                self.pages.put_back(batch)
                return
            for page, visit_id in zip(batch, visit_ids, strict=True):
                self.pages.written(page, visit_id)

    def _wait(self, inputs: Iterable[Early]) -> None:
        waiting = Counter(early.shown.visitor_id for early in list(self._early))
        for early in inputs:
            visitor_id = early.shown.visitor_id
            if self._clock.elapsed_ms() - early.since_ms < RETRIED_MS and waiting[visitor_id] < MOST_EARLY:
                waiting[visitor_id] += 1
                self._early.append(early)

    def _record(self, batch: Sequence[Shown]) -> list[str | None] | None:
        """Write a batch. Returns the visit of each of its spans, or None if the batch has to be written again."""
        if not batch:
            return []
        try:
            written = self._database.write(queries.record, batch, self._clock.now_ms(), self.pages.kept_ms())
        except LedgerUnavailable:
            return None
        except Exception:
            log.exception("Could not write attended time")
            self._failures = (self._failures + 1) % MOST_FAILURES
            return None if self._failures else [None] * len(batch)
        self._failures = 0
        self._metrics.attended(written.rows, time.monotonic() - written.began_s)
        return written.visit_ids


def build(base: Base) -> AttendanceWriter:
    sockets, metrics = base.services[PresenceServices].visitor_sockets, base.services[ObservabilityServices].metrics
    return AttendanceWriter(base.database, base.clock, sockets, metrics, base.cluster)
