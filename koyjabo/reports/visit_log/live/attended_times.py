"""How long the latest visits have been attended: the stored spans, and those that workers have not written yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.counting.evidence.attendance import AttendanceWriter
from koyjabo.counting.evidence.queries import Shown
from koyjabo.counting.evidence.spans import AttendedTime
from koyjabo.reports.visit_log.live.feed_queries import LiveRow, Measured

READ_MS = 1_000
"""Minimum time between two reads."""


class LiveTime(NamedTuple):
    """The attended time of a visit. Pages add the time since `since_ms` themselves, so nothing is sent every second."""

    attended_ms: int | None  # None: not measured
    since_ms: int | None  # since when the page is visible; None if it is closed or hidden
    evidence: str  # "automated", "acted" or ""

    def at(self, now_ms: int) -> int | None:
        """The attended time at `now_ms`, ms."""
        return self.attended_ms if self.since_ms is None else (self.attended_ms or 0) + max(0, now_ms - self.since_ms)


class AttendedTimes:
    def __init__(self, clock: Clock, attendance: AttendanceWriter) -> None:
        self._clock = clock
        self._attendance = attendance
        self._read_ms: int | None = None  # from `Clock.elapsed_ms`
        self._measured: list[Measured] = []
        self.by_visit: Mapping[str, LiveTime] = {}

    def refresh(self, read: Callable[[], list[Measured]]) -> None:
        """Read the times of visits, at most once every READ_MS. `read` may raise LedgerUnavailable."""
        now_ms = self._clock.elapsed_ms()
        if self._read_ms is None or now_ms - self._read_ms >= READ_MS:
            self._measured, self._read_ms = read(), now_ms
            self.follow()

    def follow(self) -> None:
        """Add the unwritten spans to the times that were read last, which needs no ledger."""
        self.by_visit = times_of(self._measured, self._attendance)


def times_of(measured: list[Measured], attendance: AttendanceWriter) -> dict[str, LiveTime]:
    """The times of the newest visits, newest first, by visit id."""
    spans = attendance.unwritten.of({visit.visitor_id for visit, _ in measured})
    visits = [visit for visit, stored in measured if stored]
    ended, running = (_by_visit(part, visits) for part in spans)
    return {
        str(visit.id): _time(visit, stored, ended.get(visit.id, []), running.get(visit.id, []))
        for visit, stored in measured
    }


def _by_visit(spans: list[Shown], visits: list[LiveRow]) -> dict[int, list[Shown]]:
    """Spans by visit id. A span that names no visit belongs to the visitor's latest visit when the span began."""
    by_visit: dict[int, list[Shown]] = {}
    for shown in spans:
        own = [visit for visit in visits if visit.visitor_id == shown.visitor_id]
        if shown.visit_id is None:
            own = [visit for visit in own if visit.at_ms <= shown.began_ms] or own[-1:]
        else:
            own = [visit for visit in own if visit.visit_id == shown.visit_id]
        if own:
            by_visit.setdefault(own[0].id, []).append(shown)
    return by_visit


def _time(visit: LiveRow, stored: AttendedTime | None, ended: list[Shown], running: list[Shown]) -> LiveTime:
    attended_ms, since_ms = visit.attended_ms, None
    if stored and (ended or running):
        spans = [(shown.began_ms, shown.ended_ms) for shown in ended]
        attended_ms, since_ms = stored.with_running(spans, [shown.began_ms for shown in running])
    has_acted = visit.acted or any(shown.acted for shown in (*ended, *running))
    return LiveTime(attended_ms, since_ms, evidence_of(visit.automated or visit.is_bot, has_acted))


def evidence_of(is_automated: bool, has_acted: bool) -> str:
    """The `evidence` of a visit, as in LiveTime."""
    return "automated" if is_automated else "acted" if has_acted else ""
