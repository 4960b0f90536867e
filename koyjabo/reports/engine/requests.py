"""Requests for reports. Each request computes its report from a snapshot, and declares in advance which groups it will
read.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from koyjabo.columns.dimensions.dimensions import EVENT_DIMENSION, VIEWED_PAGE, Value, dimension_of, has_many
from koyjabo.columns.query.groups import EVERYTHING, LENGTHS, NO_VISITS, PRESENT, WEEKDAY_AND_HOUR
from koyjabo.columns.query.periods import DAY, PERIOD_KEYS
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.query.granularities import periods, running
from koyjabo.reports.query.value_labels import community_of
from . import snapshot_queries
from .results import Breakdown, Figures, Period, Row, Summary
from .snapshot_queries import Snapshot
from .values import EventValues, VisitValues


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """Requests the figures for a range. The result is a Summary."""

    query: ReportQuery
    compared: ReportQuery | None = None

    @property
    def queries(self) -> list[ReportQuery]:
        return [self.query, self.compared] if self.compared else [self.query]

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        for query in self.queries:
            yield from ((query, EVERYTHING), (query, LENGTHS))

    def read(self, snapshot: Snapshot) -> Summary:
        figures = [_figures(snapshot, query) for query in self.queries]
        until_ms = self.compared.until_ms if self.compared else None
        return Summary(
            figures=figures[0],
            compared=figures[1] if self.compared else None,
            measured=snapshot.lengths(self.query).measured,
            until=None if until_ms is None else snapshot.clock.local(until_ms // 1000),
            reason=next(filter(None, map(snapshot.reason, self.queries)), None),
        )


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """Requests the figures by period. The result is a list of Period. `granularity` is one of GRANULARITIES."""

    query: ReportQuery
    granularity: str

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield self.query, PERIOD_KEYS[self.granularity]

    def read(self, snapshot: Snapshot) -> list[Period]:
        groups = snapshot.by(self.query, PERIOD_KEYS[self.granularity])
        views = snapshot.page_view_events(self.query, self.granularity)
        names = {*periods(self.query, self.granularity, snapshot.clock), *groups, *views}
        is_running = self.query.last == snapshot.clock.today()
        now = running(self.granularity, snapshot.clock) if is_running else None
        rows = []
        for name in sorted(names, key=datetime.fromisoformat):
            group = groups.get(name, NO_VISITS)
            sums = group.sums
            rows.append(
                Period(
                    period=name,
                    visits=sums.visits,
                    visitors=sums.visitors,
                    new_visitors=sums.new_visitors,
                    page_views=group.pages + views[name],
                    so_far=name == now,
                    attended=sums.attended,
                    attended_s=sums.attended_s,
                )
            )
        return rows


@dataclass(frozen=True, slots=True)
class BreakdownRequest:
    """Requests the values of a dimension. The result is a Breakdown, whose labels are the values. With `is_public`,
    unlisted communities have no rows; their visits are part of `other`. `kept` names the filters of a share link.
    """

    query: ReportQuery
    dimension: str
    limit: int = 10
    offset: int = 0
    is_public: bool = False  # for readers without an account
    kept: frozenset[str] = frozenset()

    @property
    def everyone(self) -> ReportQuery:
        """The query without filters by event that readers may remove."""
        filters = self.query.filters.items()
        kept = {name: own for name, own in filters if name in self.kept or name == VIEWED_PAGE or not has_many(name)}
        return replace(self.query, filters=kept)

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield self.query, EVERYTHING
        if self.dimension == EVENT_DIMENSION:
            yield self.everyone, EVERYTHING
        if self.dimension == VIEWED_PAGE:
            yield self.query, "page"
        elif not has_many(self.dimension):
            yield self.query, self.dimension

    def read(self, snapshot: Snapshot) -> Breakdown:
        kind = EventValues if has_many(self.dimension) else VisitValues
        values = kind(snapshot, self.query, self.dimension)
        hidden = _hidden(snapshot, self.dimension, values.ranks) if self.is_public else frozenset()
        order = sorted(values.ranks.keys() - hidden, key=lambda value: (value is not None, value or ""))
        order.sort(key=values.ranks.__getitem__, reverse=True)
        order.sort(key=dimension_of(self.dimension).place)
        shown = order[self.offset : self.offset + self.limit]
        *sums, other = values.figures(shown)
        rows = [
            Row(value, value or "", own, own.visits / (values.total.visits or 1))
            for value, own in zip(shown, sums, strict=True)
        ]
        if self.dimension == EVENT_DIMENSION:
            visitors = snapshot.total(self.everyone).sums.visitors or 1
            rows = [row._replace(visitor_share=row.sums.visitors / visitors) for row in rows]
        return Breakdown(
            rows=rows,
            other=other,
            total=values.total,
            values=len(order),
            reason=snapshot.reason(self.query),
            is_counted=has_many(self.dimension),
        )


@dataclass(frozen=True, slots=True)
class PresentRequest:
    """Requests the names of the dimensions that the query's visits and events have a value of, except VIEWED_PAGE of a
    scope that has never had a page view. The result is a frozenset.
    """

    query: ReportQuery

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield self.query, PRESENT

    def read(self, snapshot: Snapshot) -> frozenset[str]:
        present = snapshot.present(self.query)
        return present if snapshot.has_page_views(self.query.scope) else present - {VIEWED_PAGE}


@dataclass(frozen=True, slots=True)
class ViewsRequest:
    """Requests whether the scope has ever had a page view. The result is a bool."""

    query: ReportQuery

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield from ()

    def read(self, snapshot: Snapshot) -> bool:
        return snapshot.has_page_views(self.query.scope)


@dataclass(frozen=True, slots=True)
class HoursRequest:
    """Requests the visits by weekday and hour. The result is a dict of visits by both values."""

    query: ReportQuery

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield self.query, WEEKDAY_AND_HOUR

    def read(self, snapshot: Snapshot) -> dict[tuple[str, str], int]:
        groups = snapshot.by(self.query, WEEKDAY_AND_HOUR)
        return {pair: group.visits for pair, group in groups.items()}


@dataclass(frozen=True, slots=True)
class LedgerRequest:
    """Requests what `reader`, a module-level function, reads from the ledger in the snapshot."""

    query: ReportQuery
    reader: Callable[[Snapshot, ReportQuery], Any]

    def groups(self) -> Iterator[tuple[ReportQuery, str]]:
        yield from ()

    def read(self, snapshot: Snapshot) -> Any:
        return self.reader(snapshot, self.query)


ReportRequest = (
    SummaryRequest | TimelineRequest | BreakdownRequest | PresentRequest | ViewsRequest | HoursRequest | LedgerRequest
)
"""A hashable request. `groups` are the (query, key) pairs that it reads. `read` raises LedgerUnavailable."""


def _figures(snapshot: Snapshot, query: ReportQuery) -> Figures:
    total = snapshot.total(query)
    sums = total.sums
    return Figures(
        start=query.first,
        end=query.last,
        visits=sums.visits,
        visitors=sums.visitors,
        new_visitors=sums.new_visitors,
        returning_visitors=sums.visitors - sums.new_visitors,
        page_views=total.pages + snapshot.columns.sums.events_by(query, VIEWED_PAGE, DAY).total(),
        events=snapshot.columns.sums.events_by(query, EVENT_DIMENSION, DAY).total(),
        peak_active=snapshot_queries.peak(snapshot.session, query),
        attended=sums.attended,
        attended_s=sums.attended_s,
        median_s=snapshot.lengths(query).median_s(),
    )


def _hidden(snapshot: Snapshot, dimension: str, values: Iterable[Value]) -> frozenset[Value]:
    """Return the values that name an unlisted or deleted community."""
    keys = {value: key for value in values if value and (key := community_of(dimension, value))}
    listed = snapshot_queries.named_communities(snapshot.session, set(keys.values()), is_public=True)
    return frozenset(value for value, key in keys.items() if key not in listed)
