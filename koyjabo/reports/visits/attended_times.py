"""How long the latest visits have been attended: the stored spans, and those that workers have not written yet."""

from collections.abc import Mapping
from typing import NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.counting.evidence.attendance_writer import AttendanceWriter
from koyjabo.counting.evidence.timeline import Shown
from . import attended_time_queries
from .attended_time_queries import MeasuredRow

MAX_LIVE_TIMES = 50
"""Number of latest visits whose attended time is shown up to this moment."""


class LiveTime(NamedTuple):
    """The attended time of a visit. Add the time since `since_ms`."""

    attended_ms: int | None  # None: not measured
    since_ms: int | None  # since when the page is visible; None if it is closed or hidden
    evidence: str  # "automated", "acted" or ""

    def at(self, now_ms: int) -> int | None:
        """The attended time at `now_ms`, ms."""
        return self.attended_ms if self.since_ms is None else (self.attended_ms or 0) + max(0, now_ms - self.since_ms)


class LiveTimes:
    """Reads the attended times of the latest visits."""

    def __init__(self, base: Base) -> None:
        self._database, self._attendance = base.database, base.services[AttendanceWriter]

    def read(self) -> Mapping[str, LiveTime]:
        """Return the times of the newest visits, newest first, by visit id. Raises LedgerUnavailable."""
        measured = self._database.read(attended_time_queries.newest, MAX_LIVE_TIMES)
        spans = self._attendance.unwritten.of({visit.visitor_id for visit, _ in measured})
        visits = [visit for visit, stored in measured if stored]
        ended, running = (_by_visit(part, visits) for part in spans)
        times = {}
        for visit, stored in measured:
            own_ended, own_running = ended.get(visit.id, []), running.get(visit.id, [])
            attended_ms, since_ms = visit.attended_ms, None
            if stored and (own_ended or own_running):
                spans_ms = [(shown.began_ms, shown.ended_ms) for shown in own_ended]
                attended_ms, since_ms = stored.with_running(spans_ms, [shown.began_ms for shown in own_running])
            has_acted = visit.acted or any(shown.acted for shown in (*own_ended, *own_running))
            evidence = evidence_of(visit.automated or visit.is_bot, has_acted)
            times[str(visit.id)] = LiveTime(attended_ms, since_ms, evidence)
        return times


def _by_visit(spans: list[Shown], visits: list[MeasuredRow]) -> dict[int, list[Shown]]:
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


def evidence_of(is_automated: bool, has_acted: bool) -> str:
    """The `evidence` of a visit, as in LiveTime."""
    return "automated" if is_automated else "acted" if has_acted else ""
