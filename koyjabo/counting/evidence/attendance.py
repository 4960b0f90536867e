"""Collects spans and heartbeats, and writes them to the database within seconds."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from types import NoneType
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base, Cluster
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.fair_shares import FairShares, SharedEntry
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network.client_address import customer
from koyjabo.base.observability.metrics import Metrics
from koyjabo.base.observability.services import ObservabilityServices
from koyjabo.counting.visits import Visits
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from . import queries
from .open_pages import OpenPages
from .queries import Correct, Shown
from .spans import KEPT_MS

log = logging.getLogger(__name__)

WRITE_S, DROP_S = 2.0, 60.0
"""Seconds between calls to `tick`, and between calls to `drop`."""

BATCH, MAX_OF_NETWORK = 200, 50
"""Maximum number of spans in a transaction, and of one network's spans or of running ones. Visits wait for the
transaction: 200 spans of visits that were hidden and shown very often take 170 ms.
"""

MAX_DUE = 10 * BATCH
"""Maximum number of running spans written at once. After startup, many thousands are due at the same time."""

MAX_WRITTEN = 50 * BATCH
"""Maximum number of spans, and of inputs, written at once. The rest is written by the next call to `tick`."""

MAX_WAITING = 100_000
"""Maximum number of spans, of inputs, and of early inputs waiting for the database. If there are more, the address with
the most loses its oldest ones (`FairShares`).
"""

MAX_OF_VISITOR = 500
"""Maximum number of a visitor's spans and heartbeats waiting for the database: seven hours of heartbeats."""

MAX_EARLY = 10
"""Maximum number of a visitor's inputs waiting for the database, and of inputs and heartbeats waiting for a visit.
Clients may invent visit ids.
"""

MAX_KNOWN = 20_000
"""Maximum number of heartbeats, and of written inputs, that are remembered. If a heartbeat is not, a change of the wall
clock may count as time; an input that is not is written again.
"""

MAX_FAILURES = 3
"""Number of consecutive unexpected errors before a batch is dropped, so that invalid spans do not block all others."""

RETRIED_MS = 600_000
"""How long an input or a heartbeat waits for its visit to be committed, ms."""


SPANS_KEPT_MS = 5_000
"""How long another worker's response counts, ms. A worker that was killed sends no newer one."""

MAX_SENT = 500
"""Maximum number of ended spans, and of running ones, in a response, divided among the visitors. A worker has more only
while it cannot write them.
"""

TYPES = ((str,), (str, NoneType), (int,), (int,), (bool,), (bool, NoneType), (bool,), (bool,))
"""Types of the fields of `Shown`."""


class Unwritten(NamedTuple):
    ended: list[Shown]
    running: list[Shown]


class UnwrittenSpans:
    """The spans of all workers. `own` returns the spans of visitors on this worker."""

    ASKED, ANSWERED = "spans_asked", "spans"
    """Subjects of messages: [asking worker, visitors], and [asking worker, answering worker, ended, running]."""

    def __init__(self, cluster: Cluster, clock: Clock, own: Callable[[Collection[str]], Unwritten]) -> None:
        self._bus = cluster.bus
        self._worker = cluster.workers.own_id
        self._clock = clock
        self._own = own
        self._responses: dict[str, tuple[int, Unwritten]] = {}  # by worker, with the elapsed time of their arrival

    def of(self, visitors: Collection[str]) -> Unwritten:
        """The spans of these visitors. Other workers' spans are as of the previous call. Never waits."""
        if not visitors:
            return Unwritten([], [])
        self._bus.send_to_workers(self.ASKED, [self._worker, sorted(visitors)], key=self._worker)
        ended, running = self._own(visitors)
        for _, spans in self._newest().values():
            ended, running = ended + spans.ended, running + spans.running
        return Unwritten(ended, running)

    def answer(self, subject: str, message: Any) -> None:
        asking, visitors = message
        spans = [_newest(part, MAX_SENT // max(1, len(visitors)) or 1) for part in self._own(visitors)]
        self._bus.send_to_workers(self.ANSWERED, [asking, self._worker, *spans], key=asking)

    def receive(self, subject: str, message: Any) -> None:
        """Keep another worker's spans. Raises ValueError."""
        asking, worker, ended, running = message
        if asking == self._worker:
            spans = Unwritten([_shown(span) for span in ended], [_shown(span) for span in running])
            self._responses = {**self._newest(), worker: (self._clock.elapsed_ms(), spans)}

    def _newest(self) -> dict[str, tuple[int, Unwritten]]:
        """The responses that still count. Another thread may replace the dictionary, but never changes it."""
        since_ms = self._clock.elapsed_ms() - SPANS_KEPT_MS
        return {worker: (at_ms, spans) for worker, (at_ms, spans) in self._responses.items() if at_ms > since_ms}


def _newest(spans: list[Shown], most: int) -> list[Shown]:
    """Up to `most` spans of each visitor, the newest ones."""
    counts: Counter[str] = Counter()
    newest = []
    for shown in reversed(spans):
        counts[shown.visitor_id] += 1
        if counts[shown.visitor_id] <= most:
            newest.append(shown)
    return newest


def _shown(fields: list[Any]) -> Shown:
    """A span from a message. Raises ValueError."""
    for value, types in zip(fields, TYPES, strict=True):
        if not isinstance(value, types):
            raise ValueError("not a span")
    return Shown(*fields)


def ignored(*_: object) -> None: ...


class Waiting(NamedTuple):
    """A span, heartbeat or input that is not in the database yet."""

    shown: Shown
    since_ms: int | None = None  # elapsed, when it was found to have no visit yet; None before that


Queue = FairShares[Waiting]


class Heard(NamedTuple):
    """A visitor's latest heartbeat on this worker."""

    at_ms: int  # elapsed
    line_ms: int  # the timeline at that moment (`OpenPages.line_ms`)
    visible: bool


class AttendanceWriter:
    """The attended time on this worker. `pages` has the open pages, and `unwritten` the spans of all workers."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        sockets: VisitorSockets,
        metrics: Metrics,
        cluster: Cluster,
        newest_visit: Callable[[], int],
    ) -> None:
        self.pages = OpenPages(clock, sockets.known, self.add, newest_visit)
        self.unwritten = UnwrittenSpans(cluster, clock, self._unwritten)
        self._database = database
        self._clock = clock
        self._metrics = metrics

        def lose(kind: str, visitor_id: str, has_too_many: bool) -> None:
            metrics.dropped("too_many_of_a_visitor" if has_too_many else kind, 1)  # no honest visitor has as many

        self._ended: Queue = FairShares(MAX_WAITING, MAX_OF_VISITOR, partial(lose, "attended_time"))
        self._inputs: Queue = FairShares(MAX_WAITING, MAX_EARLY, partial(lose, "inputs"))
        self._early: Queue = FairShares(MAX_WAITING, MAX_EARLY, partial(lose, "inputs"))
        # The following may be forgotten at any time: inputs that were written, and the latest heartbeats, by visit.
        self._acted: FairShares[bool] = FairShares(MAX_KNOWN, MAX_EARLY, ignored, keeps_newest=True)
        self._heard: FairShares[Heard] = FairShares(MAX_KNOWN, MAX_EARLY, ignored, keeps_newest=True)
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
        elapsed_ms, now_ms, line_ms = self._clock.elapsed_ms(), self.pages.now_ms(), self.pages.line_ms
        now = Heard(elapsed_ms, line_ms, visible)
        last = self._heard.get(visitor_id, visit_id) or now
        self._heard.add(customer(address), visitor_id, visit_id, now)
        began_ms, restarts = now_ms - (elapsed_ms - last.at_ms) * last.visible, last.line_ms != line_ms
        beat = Shown(visitor_id, visit_id, began_ms, now_ms, acted=acted, beat=visible, restarts=restarts)
        self.add(beat, address)

    def _unwritten(self, visitors: Collection[str]) -> Unwritten:
        waiting = [waiting for visitor in visitors for waiting in (*self._ended.of(visitor), *self._inputs.of(visitor))]
        return Unwritten([shown for shown, _ in waiting if shown.beat is None], self.pages.running(visitors))

    def forget(self, visitor_id: str) -> None:
        """Drop what is queued for a visitor."""
        for queue in (self._ended, self._inputs, self._early, self._heard, self._acted):
            queue.forget(visitor_id)

    def tick(self) -> None:
        """Write the spans that have ended, and running spans that are due. Spans that cannot be written are retried
        later.
        """
        self.pages.follow_clock()
        with self._writing:
            if self._write_queues(MAX_WRITTEN, BATCH):
                self._write_running(MAX_DUE)

    def close(self) -> None:
        """Write everything."""
        with self._writing:
            if self._write_queues(MAX_WAITING, MAX_WAITING):
                self._write_running(len(self.pages), after_ms=0)

    def drop(self, correct: Correct) -> None:
        """Remove the spans that were last written at least ten minutes ago. Call it every DROP_S. `correct` is called
        in the same transactions (`queries.drop`).
        """
        now_ms, before_ms = self._clock.elapsed_ms(), 0
        while self._marks and self._marks[0][0] <= now_ms - KEPT_MS:
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
        while most > 0 and (taken := queue.take(BATCH, MAX_OF_NETWORK)):
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
        if (shown.acted or shown.beat is not None) and now_ms - since_ms < RETRIED_MS:
            key = shown.visit_id if shown.beat is None else shown
            self._early.add(kept.network, kept.owner, key, Waiting(shown, since_ms))

    def _write_running(self, most: int, **after_ms: int) -> None:
        for _ in range(-(-min(most, len(self.pages)) // MAX_OF_NETWORK)):
            batch = self.pages.due(MAX_OF_NETWORK, **after_ms)
            visit_ids = self._record([page.shown for page in batch])
            if visit_ids is None:
                self.pages.put_back(batch)
                return
            for page, visit_id in zip(batch, visit_ids, strict=True):
                self.pages.written(page, visit_id)

    def _record(self, batch: Sequence[Shown]) -> list[str | None] | None:
        """Write a batch. Returns the visit of each of its spans, or None if the batch has to be written again."""
        if not batch:
            return []
        try:
            visit_ids, rows, began_s = self._database.write(queries.record, batch, self.pages.timeline())
        except LedgerUnavailable:
            return None
        except Exception:
            log.exception("Could not write attended time")
            self._failures = (self._failures + 1) % MAX_FAILURES
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
