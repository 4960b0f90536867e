"""Breaks visits or events down by the values of a dimension."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from koyjabo.reports.engine.ledger_queries import community_names
from koyjabo.reports.engine.results import FOLDED, FOLDED_EVENTS, Breakdown, Row, reason_of_folded
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.groups import REST, VALUE, Group, Sums, VisitSet, minus, seconds, total, union
from koyjabo.reports.query.labels import community_of
from koyjabo.reports.query.report_query import Question, Value
from koyjabo.reports.query.sum_keys import VIEWED_PAGE

UNKNOWN = Sums(None, None, None)

Ranks = dict[Any, tuple[int, int]]
"""Visits and count by value. Rows are sorted by them, largest first."""


def breakdown(
    snapshot: Snapshot, question: Question, dimension: str, limit: int, offset: int, is_public: bool = False
) -> Breakdown:
    """Return the breakdown. With `is_public`, unlisted communities have no rows; their visits are part of `other`."""
    values: VisitValues | EventValues
    if not has_many(dimension):
        values = VisitValues(snapshot, question, dimension)
    elif snapshot.events(question).unknown_hours:
        return Breakdown([], UNKNOWN, UNKNOWN, 0, FOLDED_EVENTS)
    else:
        values = EventValues(snapshot, question, dimension)
    hidden = _hidden(snapshot, dimension, values.ranks) if is_public else frozenset()
    order = sorted(values.ranks.keys() - hidden, key=lambda value: (value is not None, value or ""))
    order.sort(key=values.ranks.__getitem__, reverse=True)
    shown = order[offset : offset + limit]
    complete, other = values.complete(shown), values.rest(shown)
    sums = [values.sums(value) for value in shown]
    rows = [
        Row(value, value or "", own, (own.visits or 0) / (values.total.visits or 1), at_least=value not in complete)
        for value, own in zip(shown, sums, strict=True)
    ]
    reason = values.reason([values.total, other, *sums], len(complete) == len(shown))
    return Breakdown(rows, other, values.total, len(order), reason)


def _hidden(snapshot: Snapshot, dimension: str, values: Iterable[Value]) -> frozenset[Value]:
    """Return the values that name an unlisted or deleted community."""
    keys = {value: key for value in values if value and (key := community_of(dimension, value))}
    listed = community_names(snapshot.session, set(keys.values()), is_public=True)
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

    def sums(self, value: Value) -> Sums:
        return self._groups[value].sums

    def rest(self, shown: Collection[Value]) -> Sums:
        """Return the sums of all other values."""
        if not self._groups:
            return self.total
        own = [self._groups[value] for value in shown]
        visits = minus(self._all.visits, total(group.visits for group in own))
        new = minus(self._all.new, total(group.new for group in own))
        if visits == 0:
            return Sums(0, 0, 0, None, 0, 0)
        people = union([self._groups[value].people for value in self._groups.keys() - set(shown)])
        attended = minus(self._all.attended, total(group.attended for group in own))
        attended_ms = minus(self._all.attended_ms, total(group.attended_ms for group in own))
        return Sums(visits, None if people is None else len(people), new, None, attended, seconds(attended_ms))

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
    days, only the number of events is known.
    """

    def __init__(self, snapshot: Snapshot, question: Question, dimension: str) -> None:
        self._dimension, self._events = dimension, snapshot.events(question)
        self._counts = self._events.by(dimension, VALUE)
        self._is_folded = snapshot.folded(question) is not None
        self._visits = {} if self._is_folded else snapshot.visits_by_value(question, dimension)
        if dimension == VIEWED_PAGE and not self._is_folded:
            pages = snapshot.by(question, "page")
            self._counts.update({page: group.visits or 0 for page, group in pages.items() if page not in (None, REST)})
        self._count = sum(self._counts.values()) + self._events.other(dimension)
        self._attended = partial(snapshot.attended, question)
        whole = Group.with_visits(None) if self._is_folded else snapshot.total(question)
        self.total = whole.sums._replace(count=self._count)
        names = self._counts.keys() | self._visits.keys()
        self.ranks: Ranks = {value: (len(self._of(value).all), self._counts[value]) for value in names}

    def sums(self, value: Value) -> Sums:
        if self._is_folded:
            return UNKNOWN._replace(count=self._counts[value])
        visits = self._of(value)
        return visits.sums(self._counts[value], self._attended((self._dimension, value), visits.all))

    def rest(self, shown: Collection[Value]) -> Sums:
        count = self._count - sum(self._counts[value] for value in shown)
        if self._is_folded:
            return UNKNOWN._replace(count=count)
        others = VisitSet.none()
        for value in self.ranks.keys() - set(shown):
            others.take(self._of(value))
        return others.sums(count, self._attended(self._dimension, others.all))

    def complete(self, shown: Collection[Value]) -> set[Value]:
        return self._events.complete(self._dimension, shown)

    def reason(self, figures: Collection[Sums], is_complete: bool) -> str | None:
        return FOLDED if self._is_folded else None

    def _of(self, value: Value) -> VisitSet:
        return self._visits.get(value, NO_VISITS)


NO_VISITS = VisitSet.none()
