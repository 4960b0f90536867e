"""Requests for reports. Each request computes its report from a snapshot, and declares in advance which groups it will
read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyroaring import BitMap

from koyjabo.reports.query.groups import (
    EVERYTHING,
    LENGTHS,
    NO_VISITS,
    REST,
    VALUE,
    Group,
    Groups,
    Sums,
    VisitSet,
    merged,
    minus,
    seconds,
    total as sum_of,
    union,
)
from koyjabo.reports.query.parameters import community_of
from koyjabo.reports.query.report_query import VIEWED_PAGE, Question, Value, has_many, periods, running
from . import snapshot_queries
from .results import (
    FOLDED,
    FOLDED_EVENTS,
    FOLDED_MEDIAN,
    Breakdown,
    Figures,
    Period,
    Row,
    Summary,
    reason_of_folded,
)
from .snapshot_queries import Snapshot


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """Requests the figures for a range. The result is a Summary."""

    question: Question
    compared: Question | None = None

    @property
    def questions(self) -> list[Question]:
        return [self.question, self.compared] if self.compared else [self.question]

    def groups(self) -> Iterator[tuple[Question, str]]:
        for question in self.questions:
            yield from ((question, EVERYTHING), (question, LENGTHS))

    def read(self, snapshot: Snapshot) -> Summary:
        figures = [_figures(snapshot, question) for question in self.questions]
        reason = FOLDED_MEDIAN if any(map(snapshot.folded, self.questions)) else None
        if any(counts.events is None for counts in figures):
            reason = FOLDED_EVENTS
        if any(counts.visitors is None for counts in figures):
            reason = reason_of_folded(self.question, all(counts.visits is not None for counts in figures))
        until_ms = self.compared.until_ms if self.compared else None
        lengths = snapshot.lengths(self.question)
        return Summary(
            figures=figures[0],
            compared=figures[1] if self.compared else None,
            measured=lengths.measured if lengths else None,
            until=None if until_ms is None else snapshot.clock.local(until_ms // 1000),
            reason=reason,
        )


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
        is_running = self.question.last == snapshot.clock.today()
        now = running(self.granularity, snapshot.clock) if is_running else None
        rows = []
        for name in sorted(names, key=datetime.fromisoformat):
            group = groups.get(name, NO_VISITS)
            pages = None if name in unknown else sum_of((group.pages, views[name]))
            rows.append(
                Period(
                    period=name,
                    visits=group.visits,
                    visitors=group.visitors,
                    new_visitors=group.new,
                    page_views=pages,
                    so_far=name == now,
                    attended=group.attended,
                    attended_s=seconds(group.attended_ms),
                )
            )
        return rows


@dataclass(frozen=True, slots=True)
class BreakdownRequest:
    """Requests the values of a dimension. The result is a Breakdown, whose labels are the values. With `is_public`,
    unlisted communities have no rows; their visits are part of `other`.
    """

    question: Question
    dimension: str
    limit: int = 10
    offset: int = 0
    is_public: bool = False  # for readers of share links

    def groups(self) -> Iterator[tuple[Question, str]]:
        yield self.question, EVERYTHING
        if self.dimension == VIEWED_PAGE:
            yield self.question, "page"
        elif not has_many(self.dimension):
            yield self.question, self.dimension

    def read(self, snapshot: Snapshot) -> Breakdown:
        values: VisitValues | EventValues
        if not has_many(self.dimension):
            values = VisitValues(snapshot, self.question, self.dimension)
        else:
            values = EventValues(snapshot, self.question, self.dimension)
            if values.unknown:
                return Breakdown([], UNKNOWN, UNKNOWN, 0, values.unknown, is_counted=True)
        hidden = _hidden(snapshot, self.dimension, values.ranks) if self.is_public else frozenset()
        order = sorted(values.ranks.keys() - hidden, key=lambda value: (value is not None, value or ""))
        order.sort(key=values.ranks.__getitem__, reverse=True)
        shown = order[self.offset : self.offset + self.limit]
        complete, (*sums, other) = values.complete(shown), values.figures(shown)
        rows = [
            Row(value, value or "", own, _share(own, values.total), at_least=value not in complete)
            for value, own in zip(shown, sums, strict=True)
        ]
        return Breakdown(
            rows=rows,
            other=other,
            total=values.total,
            values=len(order),
            reason=values.reason([values.total, other, *sums], len(complete) == len(shown)),
            is_counted=has_many(self.dimension),
        )


@dataclass(frozen=True, slots=True)
class LedgerRequest:
    """Requests what `reader`, a module-level function, reads from the ledger in the snapshot."""

    question: Question
    reader: Callable[[Snapshot, Question], Any]

    def groups(self) -> Iterator[tuple[Question, str]]:
        yield from ()

    def read(self, snapshot: Snapshot) -> Any:
        return self.reader(snapshot, self.question)


ReportRequest = SummaryRequest | TimelineRequest | BreakdownRequest | LedgerRequest
"""A hashable request. `groups` are the (question, key) pairs that it reads. `read` raises LedgerUnavailable."""


def _figures(snapshot: Snapshot, question: Question) -> Figures:
    total, views, events = snapshot.total(question), None, None
    lengths = snapshot.lengths(question)
    if total.new is not None:
        views, events = snapshot.events(question).totals()
    return Figures(
        start=question.first,
        end=question.last,
        visits=total.visits,
        visitors=total.visitors,
        new_visitors=total.new,
        returning_visitors=minus(total.visitors, total.new),
        page_views=sum_of((total.pages, views)),
        events=events,
        peak_active=snapshot_queries.peak(snapshot.session, question),
        attended=total.attended,
        attended_s=seconds(total.attended_ms),
        median_s=lengths.median_s() if lengths else None,
    )


def _share(own: Sums, whole: Sums) -> float | None:
    return None if own.visits is None or whole.visits is None else own.visits / (whole.visits or 1)


UNKNOWN = Sums(None, None, None)

Ranks = dict[Any, tuple[int, int]]
"""Visits and count by value. Rows are sorted by them, largest first."""


def _hidden(snapshot: Snapshot, dimension: str, values: Iterable[Value]) -> frozenset[Value]:
    """Return the values that name an unlisted or deleted community."""
    keys = {value: key for value in values if value and (key := community_of(dimension, value))}
    listed = snapshot_queries.named_communities(snapshot.session, set(keys.values()), is_public=True)
    return frozenset(value for value, key in keys.items() if key not in listed)


class VisitValues:
    """Values of visits. Each visit has exactly one value, so the remainder belongs to the other values."""

    def __init__(self, snapshot: Snapshot, question: Question, dimension: str) -> None:
        self._question, self._dimension = question, dimension
        self._folded = snapshot.folded(question)
        self._groups = snapshot.by(question, dimension)
        self._all = snapshot.total(question)
        self.total = self._all.sums
        self.ranks: Ranks = {value: (group.visits or 0, 0) for value, group in self._groups.items() if value != REST}

    def figures(self, shown: Sequence[Value]) -> list[Sums]:
        """Return the sums of each of these values, and of all other values together."""
        own, others = [self._groups[value] for value in shown], self._groups.keys() - set(shown)
        listed, sums = merged(own), [group.sums for group in own]
        visits = minus(self._all.visits, listed.visits)
        if not self._groups:
            return [*sums, self.total]
        rest = NO_VISITS
        if visits != 0:
            rest = Group(
                visits=visits,
                new=minus(self._all.new, listed.new),
                people=union([self._groups[value].people for value in others]),
                attended=minus(self._all.attended, listed.attended),
                attended_ms=minus(self._all.attended_ms, listed.attended_ms),
            )
        return [*sums, rest.sums]

    def complete(self, shown: Collection[Value]) -> set[Value]:
        """Return the values whose sums are complete."""
        return self._folded.complete(self._dimension, shown) if self._folded else set(shown)

    def reason(self, figures: Collection[Sums], is_complete: bool) -> str | None:
        """Return why these figures are not exact, or None if they are."""
        is_known = all(figure.visitors is not None for figure in figures)
        if not self._folded or (is_known and is_complete):
            return None
        return reason_of_folded(self._question, self.total.visits is not None)


class EventValues:
    """Values of events. A visit may have several values, or none. A visit without a value is in no row. On rolled-up
    days, only the number of events is known. By VIEWED_PAGE, a visit's first page counts as well.
    """

    def __init__(self, snapshot: Snapshot, question: Question, dimension: str) -> None:
        self._snapshot, self._question, self._dimension = snapshot, question, dimension
        self._events, self._folded = snapshot.events(question), snapshot.folded(question)
        self.counts = self._events.by(dimension, VALUE)
        self.unknown = FOLDED_EVENTS if self._events.unknown_hours else None  # the reason why no row is known
        self._count = sum_of((self.counts.total(), self._events.other(dimension)))
        self._landings: Groups = {}
        if dimension == VIEWED_PAGE:
            pages = snapshot.by(question, "page")
            self._landings = {page: group for page, group in pages.items() if page not in (None, REST)}
            self.counts.update({page: group.visits or 0 for page, group in self._landings.items()})
            self._count = sum_of((self._count, snapshot.total(question).pages))
            if self._folded and not self._folded.knows_sums and not pages:
                self.unknown = self.unknown or FOLDED
        is_known = not self._folded and not self.unknown
        visits = snapshot.live.visits_by_value(question, dimension) if is_known else None
        self._sets, self._landed = (visits.sets, visits.landed) if visits else ({}, {})
        self._all = Group.with_visits(None) if self._folded else snapshot.total(question)
        self.total = self._all.sums._replace(count=self._count)
        self.ranks: Ranks = dict.fromkeys(self.counts.keys() | self._sets.keys(), (0, 0))
        for value in self.ranks:
            landed = self._landings.get(value, NO_VISITS).visits or 0
            visits_of_value = 0 if self._folded else landed + len(self._of_events([value]).all)
            self.ranks[value] = visits_of_value, self.counts[value]

    def figures(self, shown: Sequence[Value]) -> list[Sums]:
        """Return the sums of each of these values, and of all other values together."""
        counts: list[int | None] = [self.counts[value] for value in shown]
        counts.append(minus(self._count, sum_of(counts)))
        groups = self._groups([*([value] for value in shown), self.ranks.keys() - set(shown)])
        return [group.sums._replace(count=count) for group, count in zip(groups, counts, strict=True)]

    def complete(self, shown: Collection[Value]) -> set[Value]:
        """Return the values whose counts are complete."""
        complete = self._events.complete(self._dimension, shown)
        return self._folded.complete("page", complete) if self._folded and self._dimension == VIEWED_PAGE else complete

    def reason(self, figures: Collection[Sums], is_complete: bool) -> str | None:
        return FOLDED if self._folded or not is_complete else None

    def _groups(self, lists: Sequence[Collection[Value]]) -> list[Group]:
        """Return the visits that have one of the values in a list, for each list."""
        if self._folded:
            return [self._all] * len(lists)
        names = [*((self._dimension, *values) for values in lists[:-1]), self._dimension]
        sets = dict(zip(names, map(self._of_events, lists), strict=True))
        attended = self._snapshot.live.attended(self._question, {name: visits.all for name, visits in sets.items()})
        return [
            merged([*(self._landings[value] for value in values if value in self._landings), visits.group(own)])
            for values, visits, own in zip(lists, sets.values(), attended, strict=True)
        ]

    def _of_events(self, values: Collection[Value]) -> VisitSet:
        """Return the visits with events that have one of these values, except those whose first page is one of them."""
        visits = VisitSet.union(self._sets[value] for value in values if value in self._sets)
        counted = BitMap().union(*(self._landed[page] for page in values if page in self._landed))
        return VisitSet(visits.all - counted, visits.new - counted, visits.people)
