"""When checks of Health were amber or red, in the last 24 hours. One worker of all looks, and writes only changes; what
cannot be written, because the database itself is away, is written when it is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from koyjabo.cluster.workers import Workers
from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.maintenance.health import timeline_queries as queries
from koyjabo.maintenance.health.checks import DANGER, UNREAD, WARNING, HealthCheck
from koyjabo.maintenance.health.health import HealthReport
from koyjabo.maintenance.health.system import System
from koyjabo.maintenance.health.timeline_queries import DAY_MS, MOST_SPANS, LevelChange, Span

LOOK_MS = 15_000
"""Between two looks. Whether visits are saved and the database answers is noticed within a second."""

START_MS = MINUTE_MS
"""For so long after its start, a worker may not see all others."""

OF_ONE_WORKER = frozenset({"proxies"})
"""Checks that each worker judges by its own requests."""


class Timeline:
    """Call `tick` every second, on every worker, and `write` at the end. `look` makes the report of Health."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        workers: Workers,
        system: System,
        look: Callable[[], HealthReport],
    ) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._system = system
        self._look = look
        self._known: dict[str, tuple[str, str]] = {}  # level and cause of each check that is amber or red
        self._stored: list[Span] = []  # as last read
        self._waiting: deque[LevelChange] = deque(maxlen=MOST_SPANS)  # changes that are not written yet
        self._is_loaded = False
        self._was: tuple[object, ...] = ()
        self._started_ms = clock.elapsed_ms()
        self._due_ms = self._started_ms

    def tick(self) -> None:
        unsaved = self._system.unsaved()
        now = unsaved is None, unsaved.cause if unsaved else "", self._system.reads_ledger
        if now == self._was and self._clock.elapsed_ms() < self._due_ms:
            return
        self._was, self._due_ms = now, self._clock.elapsed_ms() + LOOK_MS
        if not self._is_first():
            self._known, self._is_loaded = {}, False  # another worker goes on
            self._waiting.clear()
            return
        report = self._look()
        if report.is_read and not self._is_loaded:
            self._load()
        self._note(report)
        if report.is_read and unsaved is None:
            self.write()

    def write(self) -> None:
        """Store what is new. What cannot be stored now waits for the next call."""
        changes = [self._waiting.popleft() for _ in range(len(self._waiting))]  # another call takes none of these
        if not changes:
            return
        try:
            self._database.write(queries.store, changes, self._clock.now_ms())
        except LedgerUnavailable:
            self._waiting.extendleft(reversed(changes))

    def forget(self) -> None:
        """The database may be another one."""
        self._is_loaded = False

    def of_last_day(self, report: HealthReport) -> list[Span]:
        """The newest first. While the database cannot be read: as far as this worker knows."""
        since_ms = report.facts.now_ms - DAY_MS
        if report.is_read:
            with suppress(LedgerUnavailable):
                self._stored = self._database.read(queries.spans, since_ms)
        spans = _with_changes(self._stored, self._waiting)
        going_on = {each.name for each in spans if each.ended_ms is None}
        new = (
            Span(check.name, _since(check, report), *_state(check))
            for check in report.checks
            if check.level in (WARNING, DANGER) and check.name not in going_on
        )
        found = (each for each in (*new, *spans) if each.ended_ms is None or each.ended_ms >= since_ms)
        return sorted(found, key=lambda each: -each.begun_ms)

    def _is_first(self) -> bool:
        """One of all workers looks. Without Redis each sees itself alone, and `store` takes a change only once."""
        live = self._workers.live()
        return not live or live[0].id == self._workers.own_id

    def _load(self) -> None:
        try:
            self._stored = self._database.read(queries.spans, self._clock.now_ms() - DAY_MS)
        except LedgerUnavailable:
            return
        going_on = {each.name: (each.level, each.cause) for each in self._stored if each.ended_ms is None}
        self._known, self._is_loaded = {**going_on, **self._known}, True

    def _note(self, report: HealthReport) -> None:
        judged = {check.name: check for check in report.checks if self._is_judged(check)}
        for name, check in judged.items():
            level, cause = self._known.get(name, ("", ""))
            new = _state(check)
            if new == ("", "") != (level, cause):
                del self._known[name]
                self._waiting.append(LevelChange(name, report.facts.now_ms, "", ""))
            elif new[0] != level or new[1] not in ("", cause):
                self._known[name] = new
                self._waiting.append(LevelChange(name, report.facts.now_ms if level else _since(check, report), *new))

    def _is_judged(self, check: HealthCheck) -> bool:
        is_starting = check.name == "workers" and self._clock.elapsed_ms() - self._started_ms < START_MS
        return check.code != UNREAD and check.name not in OF_ONE_WORKER and not is_starting


def _state(check: HealthCheck) -> tuple[str, str]:
    """Its level and cause; both are "" if it is neither amber nor red."""
    return (check.level, str(check.values.get("cause", ""))) if check.level in (WARNING, DANGER) else ("", "")


def _since(check: HealthCheck, report: HealthReport) -> int:
    """From when on a check that is bad now has been so, as far as it says that."""
    since = check.values.get("since")
    return since if isinstance(since, int) else report.facts.now_ms


def _with_changes(stored: Iterable[Span], changes: Iterable[LevelChange]) -> list[Span]:
    """As `timeline_queries.store` would store them."""
    spans = list(stored)
    for change in changes:
        going_on = [each for each in spans if each.name == change.name and each.ended_ms is None]
        if any(each.level == change.level for each in going_on):
            spans = [each._replace(cause=change.cause or each.cause) if each in going_on else each for each in spans]
            continue
        spans = [each._replace(ended_ms=change.at_ms) if each in going_on else each for each in spans]
        if change.level:
            spans.append(Span(change.name, change.at_ms, change.level, change.cause))
    return spans
