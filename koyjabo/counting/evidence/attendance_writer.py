"""Collects spans and heartbeats, and writes them to the database within seconds."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from koyjabo.base.cluster.base import Base, Cluster
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.fair_shares import FairShares, SharedEntry
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network.client_address import customer
from koyjabo.base.observability.metrics import Metrics
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.counting.visits import Visits
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from . import queries
from .open_pages import OpenPages
from .queries import Correct
from .spans import SPAN_KEPT_MS
from .timeline import Shown
from .unwritten_spans import Unwritten, UnwrittenSpans

log = logging.getLogger(__name__)

WRITE_ATTENDANCE_S, DROP_ATTENDANCE_S = 2.0, 60.0
"""Seconds between calls to `tick`, and between calls to `drop`."""

MAX_BATCH_SPANS, MAX_SPANS_OF_NETWORK = 200, 50
"""Maximum number of spans in a transaction, and of one network's spans or of running ones. Visits wait for the
transaction: 200 spans of visits that were hidden and shown very often take 170 ms.
"""

MAX_DUE_SPANS = 10 * MAX_BATCH_SPANS
"""Maximum number of running spans written at once. After startup, many thousands are due at the same time."""

MAX_WRITTEN_SPANS = 50 * MAX_BATCH_SPANS
"""Maximum number of spans, and of inputs, written at once. The rest is written by the next call to `tick`."""

MAX_WAITING_SPANS = 100_000
"""Maximum number of spans, of inputs, and of early inputs waiting for the database. If there are more, the address with
the most loses its oldest ones (`FairShares`).
"""

MAX_SPANS_OF_VISITOR = 500
"""Maximum number of a visitor's spans and heartbeats waiting for the database: seven hours of heartbeats."""

MAX_EARLY_INPUTS = 10
"""Maximum number of a visitor's inputs waiting for the database, and of inputs and heartbeats waiting for a visit.
Clients may invent visit ids.
"""

MAX_KNOWN_BEATS = 20_000
"""Maximum number of heartbeats, and of written inputs, that are remembered. If a heartbeat is not, a change of the wall
clock may count as time; an input that is not is written again.
"""

MAX_WRITE_FAILURES = 3
"""Number of consecutive unexpected errors before a batch is dropped, so that invalid spans do not block all others."""

INPUT_RETRY_MS = 600_000
"""How long an input or a heartbeat waits for its visit to be committed, ms."""

Queue: TypeAlias = "FairShares[Waiting]"


def ignored(*_: object) -> None: ...


class Waiting(NamedTuple):
    """A span, heartbeat or input that is not in the database yet."""

    shown: Shown
    since_ms: int | None = None  # elapsed, when it was found to have no visit yet; None before that


class Heard(NamedTuple):
    """A visitor's latest heartbeat on this worker."""

    at_ms: int  # elapsed
    line_ms: int  # the timeline at that moment (`OpenPages.line_ms`)
    visible: bool


class AttendanceWriter:
    """The attended time on this worker. `open_pages` has the open pages, and `unwritten` the spans of all workers."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        sockets: VisitorSockets,
        metrics: Metrics,
        cluster: Cluster,
        newest_visit: Callable[[], int],
    ) -> None:
        self.open_pages = OpenPages(clock, sockets.known, self.add, newest_visit)
        self.unwritten = UnwrittenSpans(cluster, clock, self._unwritten)
        self._database = database
        self._clock = clock
        self._metrics = metrics

        def lose(kind: str, visitor_id: str, has_too_many: bool) -> None:
            metrics.dropped("too_many_of_a_visitor" if has_too_many else kind, 1)  # no honest visitor has as many

        self._ended: Queue = FairShares(MAX_WAITING_SPANS, MAX_SPANS_OF_VISITOR, partial(lose, "attended_time"))
        self._inputs: Queue = FairShares(MAX_WAITING_SPANS, MAX_EARLY_INPUTS, partial(lose, "inputs"))
        self._early: Queue = FairShares(MAX_WAITING_SPANS, MAX_EARLY_INPUTS, partial(lose, "inputs"))
        # The following may be forgotten at any time: inputs that were written, and the latest heartbeats, by visit.
        self._acted: FairShares[bool] = FairShares(MAX_KNOWN_BEATS, MAX_EARLY_INPUTS, ignored, keeps_newest=True)
        self._heard: FairShares[Heard] = FairShares(MAX_KNOWN_BEATS, MAX_EARLY_INPUTS, ignored, keeps_newest=True)
        self._marks: deque[tuple[int, int]] = deque()  # (elapsed ms, `before_ms` for the rows written by then)
        self._failures = 0  # consecutive failures
        self._writing = threading.Lock()  # held while waiting for the database

    def add(self, shown: Shown, address: str = "") -> None:
        """Queue a span, heartbeat or input that came from an address (`limit_key`). Never waits."""
        is_input = shown.beat is None and shown.began_ms == shown.ended_ms
        if not is_input:
            self._ended.add(customer(address), shown.visitor_id, shown, Waiting(shown))
        elif not self._acted.get(shown.visitor_id, shown.visit_id):
            self._inputs.add(customer(address), shown.visitor_id, shown.visit_id, Waiting(shown))

    def beat(self, visitor_id: str, visit_id: str | None, visible: bool, acted: bool, address: str = "") -> None:
        """Queue a heartbeat. Never waits."""
        elapsed_ms, now_ms, line_ms = self._clock.elapsed_ms(), self.open_pages.now_ms(), self.open_pages.line_ms
        now = Heard(elapsed_ms, line_ms, visible)
        last = self._heard.get(visitor_id, visit_id) or now
        self._heard.add(customer(address), visitor_id, visit_id, now)
        began_ms, restarts = now_ms - (elapsed_ms - last.at_ms) * last.visible, last.line_ms != line_ms
        beat = Shown(visitor_id, visit_id, began_ms, now_ms, acted=acted, beat=visible, restarts=restarts)
        self.add(beat, address)

    def _unwritten(self, visitors: Collection[str]) -> Unwritten:
        waiting = [waiting for visitor in visitors for waiting in (*self._ended.of(visitor), *self._inputs.of(visitor))]
        return Unwritten([shown for shown, _ in waiting if shown.beat is None], self.open_pages.running(visitors))

    def forget(self, visitor_id: str) -> None:
        """Drop what is queued for a visitor."""
        for queue in (self._ended, self._inputs, self._early, self._heard, self._acted):
            queue.forget(visitor_id)

    def tick(self) -> None:
        """Write the spans that have ended, and running spans that are due. Spans that cannot be written are retried
        later.
        """
        self.open_pages.follow_clock()
        with self._writing:
            if self._write_queues(MAX_WRITTEN_SPANS, MAX_BATCH_SPANS):
                self._write_running(MAX_DUE_SPANS)

    def close(self) -> None:
        """Write everything."""
        with self._writing:
            if self._write_queues(MAX_WAITING_SPANS, MAX_WAITING_SPANS):
                self._write_running(len(self.open_pages), after_ms=0)

    def drop(self, correct: Correct) -> None:
        """Remove spans that were last written at least ten minutes ago. Call it every DROP_ATTENDANCE_S. `correct` is
        called in the same transactions (`queries.drop`).
        """
        now_ms, before_ms = self._clock.elapsed_ms(), 0
        while self._marks and self._marks[0][0] <= now_ms - SPAN_KEPT_MS:
            _, before_ms = self._marks.popleft()
        try:
            newest, has_more = self._database.write(queries.drop, before_ms, correct)
            while has_more:
                _, has_more = self._database.write(queries.drop, before_ms, correct)
        except LedgerUnavailable:
            self._marks.clear()  # workers may still have spans that they could not write
        else:
            self._marks.append((now_ms, newest))

    def _write_queues(self, most: int, most_early: int) -> bool:
        """Write what has ended, spans first. Returns False if it could not be written."""
        queues = (self._early, most_early), (self._ended, most), (self._inputs, most)
        return all(self._write_queue(queue, most_of_queue) for queue, most_of_queue in queues)

    def _write_queue(self, queue: Queue, most: int) -> bool:
        most = min(len(queue), most)
        while most > 0 and (taken := queue.take(MAX_BATCH_SPANS, MAX_SPANS_OF_NETWORK)):
            most -= len(taken)
            visit_ids = self._record([kept.entry.shown for kept in taken])
            if visit_ids is None:
                # Visits cannot be committed either, so inputs wait for them for ten minutes from then on.
                queue.give_back(kept._replace(entry=Waiting(kept.entry.shown)) for kept in taken)
                return False
            for kept, visit_id in zip(taken, visit_ids, strict=True):
                if visit_id is None:
                    self._wait(kept)
                elif queue is self._inputs and visit_id == kept.key:
                    self._acted.add(kept.network, kept.owner, visit_id, True)
        return True

    def _wait(self, kept: SharedEntry[Waiting]) -> None:
        """Keep an input or a heartbeat until its visit is committed."""
        (shown, since_ms), now_ms = kept.entry, self._clock.elapsed_ms()
        since_ms = now_ms if since_ms is None else since_ms
        if (shown.acted or shown.beat is not None) and now_ms - since_ms < INPUT_RETRY_MS:
            key = shown.visit_id if shown.beat is None else shown
            self._early.add(kept.network, kept.owner, key, Waiting(shown, since_ms))

    def _write_running(self, most: int, **after_ms: int) -> None:
        for _ in range(-(-min(most, len(self.open_pages)) // MAX_SPANS_OF_NETWORK)):
            batch = self.open_pages.due(MAX_SPANS_OF_NETWORK, **after_ms)
            visit_ids = self._record([page.shown for page in batch])
            if visit_ids is None:
                self.open_pages.put_back(batch)
                return
            for page, visit_id in zip(batch, visit_ids, strict=True):
                self.open_pages.written(page, visit_id)

    def _record(self, batch: Sequence[Shown]) -> list[str | None] | None:
        """Write a batch. Returns the visit of each of its spans, or None if the batch has to be written again."""
        if not batch:
            return []
        try:
            visit_ids, rows, began_s = self._database.write(queries.record, batch, self.open_pages.timeline())
        except LedgerUnavailable:
            return None
        except Exception:
            log.exception("Could not write attended time")
            self._failures = (self._failures + 1) % MAX_WRITE_FAILURES
            return None if self._failures else [None] * len(batch)
        self._failures = 0
        self._metrics.attended(rows, time.monotonic() - began_s)
        return visit_ids


def build(base: Base) -> AttendanceWriter:
    sockets, visits = base.services[VisitorSockets], base.services[Visits]

    def newest_visit() -> int:
        return visits.site.snapshot.visits

    return AttendanceWriter(
        database=base.database,
        clock=base.clock,
        sockets=sockets,
        metrics=base.services[ObservabilityServices].metrics,
        cluster=base.cluster,
        newest_visit=newest_visit,
    )
