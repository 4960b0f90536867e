"""Requests for reports. Each request computes its report from a snapshot, and declares in advance which groups it will
read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from koyjabo.core.clock import Clock
from koyjabo.reports.engine.breakdowns import breakdown
from koyjabo.reports.engine.results import (
    FOLDED,
    FOLDED_EVENTS,
    FOLDED_MEDIAN,
    Breakdown,
    Figures,
    Hours,
    Period,
    Summary,
    reason_of_folded,
)
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.groups import EVERYTHING, LENGTHS, NO_VISITS, WEEKDAY, minus
from koyjabo.reports.query.groups import total as sum_of
from koyjabo.reports.query.periods import periods, running
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.query.sum_keys import VIEWED_PAGE


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """Requests the figures for a range. The result is a Summary."""

    question: Question
    compared: Question | None = None

    def groups(self) -> Iterator[tuple[Question, str]]:
        for question in (self.question, self.compared):
            if question:
                yield from ((question, EVERYTHING), (question, LENGTHS))

    def read(self, snapshot: Snapshot) -> Summary:
        figures = _figures(snapshot, self.question)
        compared = _figures(snapshot, self.compared) if self.compared else None
        until_ms = self.compared.until_ms if self.compared else None
        until = None if until_ms is None else snapshot.clock.local(until_ms // 1000)
        questions = [self.question, *([self.compared] if self.compared else [])]
        reason = _reason(self.question, [figures, *([compared] if compared else [])])
        if reason is None and any(map(snapshot.folded, questions)):
            reason = FOLDED_MEDIAN
        return Summary(figures, compared, until, reason)


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """Requests the figures by period. The result is a list of Period. `granularity` is one of GRANULARITIES."""

    question: Question
    granularity: str

    def groups(self) -> Iterator[tuple[Question, str]]:
        yield self.question, self.granularity

    def read(self, snapshot: Snapshot) -> list[Period]:
        groups = snapshot.by(self.question, self.granularity)
        views, unknown = snapshot.events(self.question).views(self.granularity)
        names = {*periods(self.question, self.granularity, snapshot.clock), *groups, *views, *unknown}
        now = self._running(snapshot.clock)
        rows = []
        for name in sorted(names, key=datetime.fromisoformat):
            group = groups.get(name, NO_VISITS)
            pages = None if name in unknown else sum_of((group.pages, views[name]))
            sums = group.sums
            rows.append(Period(name, *sums[:3], pages, name == now, sums.attended, sums.attended_s))
        return rows

    def _running(self, clock: Clock) -> str | None:
        return running(self.granularity, clock) if self.question.last == clock.today() else None


@dataclass(frozen=True, slots=True)
class BreakdownRequest:
    """Requests the values of a dimension. The result is a Breakdown, whose labels are the values."""

    question: Question
    dimension: str
    limit: int = 10
    offset: int = 0
    is_public: bool = False  # for readers of share links

    def groups(self) -> Iterator[tuple[Question, str]]:
        if not has_many(self.dimension):
            yield self.question, self.dimension
            return
        yield self.question, EVERYTHING
        if self.dimension == VIEWED_PAGE:
            yield self.question, "page"

    def read(self, snapshot: Snapshot) -> Breakdown:
        return breakdown(snapshot, self.question, self.dimension, self.limit, self.offset, self.is_public)


@dataclass(frozen=True, slots=True)
class HoursRequest:
    """Requests visits by weekday and hour. The result is an Hours."""

    question: Question

    def groups(self) -> Iterator[tuple[Question, str]]:
        yield self.question, WEEKDAY

    def read(self, snapshot: Snapshot) -> Hours:
        folded = snapshot.folded(self.question)
        if folded and not folded.knows_hours:
            return Hours([], FOLDED)
        week = [[0] * 24 for _ in range(7)]
        for (weekday, hour), group in snapshot.by(self.question, WEEKDAY).items():
            week[weekday][hour] = group.visits or 0
        return Hours(week, None)


@dataclass(frozen=True, slots=True)
class LedgerRequest:
    """Requests what `reader`, a module-level function, reads from the ledger in the snapshot."""

    question: Question
    reader: Callable[[Snapshot, Question], Any]

    def groups(self) -> Iterator[tuple[Question, str]]:
        yield from ()

    def read(self, snapshot: Snapshot) -> Any:
        return self.reader(snapshot, self.question)


ReportRequest = SummaryRequest | TimelineRequest | BreakdownRequest | HoursRequest | LedgerRequest
"""A hashable request. `groups` are the (question, key) pairs that it reads. `read` raises LedgerUnavailable."""


def dimensions(request: ReportRequest) -> set[str]:
    """Return the dimensions that visits are filtered by or broken down into."""
    return {*request.question.filters, *([request.dimension] if isinstance(request, BreakdownRequest) else [])}


def _figures(snapshot: Snapshot, question: Question) -> Figures:
    total, views, events = snapshot.total(question), None, None
    if total.new is not None:
        views, events = snapshot.events(question).totals()
    returning, pages = minus(total.visitors, total.new), sum_of((total.pages, views))
    sums, peak, median_s = total.sums, snapshot.peak(question), snapshot.median_s(question)
    counts = (*sums[:3], returning, pages, events, peak, sums.attended, sums.attended_s, median_s)
    return Figures(question.first, question.last, *counts)


def _reason(question: Question, figures: list[Figures]) -> str | None:
    if any(figure.visitors is None for figure in figures):
        return reason_of_folded(question, all(counts.visits is not None for counts in figures))
    return FOLDED_EVENTS if any(counts.events is None for counts in figures) else None
