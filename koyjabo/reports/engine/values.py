"""The values of a dimension and their numbers, of visits or of events, most first."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from pyroaring import BitMap

from koyjabo.columns.dimensions.dimensions import VIEWED_PAGE, Value
from koyjabo.columns.query.groups import NO_VISITS, VALUE, Group, Groups, Sums, VisitSet, merged
from koyjabo.columns.query.report_query import ReportQuery
from .snapshot_queries import Snapshot

Ranks = dict[Any, tuple[int, int]]
"""Visits and count by value. Rows are sorted by them, largest first."""


class VisitValues:
    """Values of visits. Each visit has exactly one value, so the remainder belongs to the other values."""

    def __init__(self, snapshot: Snapshot, query: ReportQuery, dimension: str) -> None:
        self._groups = snapshot.by(query, dimension)
        self.total = snapshot.total(query).sums
        self.ranks: Ranks = {value: (group.visits, 0) for value, group in self._groups.items()}

    def figures(self, shown: Sequence[Value]) -> list[Sums]:
        """Return the sums of each of these values, and of all other values together."""
        own = [self._groups[value] for value in shown]
        others = merged([self._groups[value] for value in self._groups.keys() - set(shown)])
        return [group.sums for group in (*own, others)]


class EventValues:
    """Values of events. A visit may have several values, or none. A visit without a value is in no row. By VIEWED_PAGE,
    a visit's first page counts as well.
    """

    def __init__(self, snapshot: Snapshot, query: ReportQuery, dimension: str) -> None:
        self._running, self._query, self._dimension = snapshot.columns.sums, query, dimension
        self.counts = Counter(self._running.events_by(query, dimension, VALUE))  # a copy, because they are reused
        self._landings: Groups = {}
        if dimension == VIEWED_PAGE:
            pages = snapshot.by(query, "page")
            self._landings = {page: group for page, group in pages.items() if page is not None}
            self.counts.update({page: group.visits for page, group in self._landings.items()})
        visits = self._running.visits_by_value(query, dimension)
        self._sets, self._landed = visits.sets, visits.landed
        self.total = snapshot.total(query).sums._replace(count=self.counts.total())
        self.ranks: Ranks = dict.fromkeys(self.counts.keys() | self._sets.keys(), (0, 0))
        for value in self.ranks:
            visits_of_value = self._landings.get(value, NO_VISITS).visits + len(self._of_events([value]).all)
            self.ranks[value] = visits_of_value, self.counts[value]

    def figures(self, shown: Sequence[Value]) -> list[Sums]:
        """Return the sums of each of these values, and of all other values together."""
        counts = [self.counts[value] for value in shown]
        counts.append(self.counts.total() - sum(counts))
        groups = self._groups([*([value] for value in shown), self.ranks.keys() - set(shown)])
        return [group.sums._replace(count=count) for group, count in zip(groups, counts, strict=True)]

    def _groups(self, lists: Sequence[Collection[Value]]) -> list[Group]:
        """Return the visits that have one of the values in a list, for each list."""
        names = [*((self._dimension, *values) for values in lists[:-1]), self._dimension]
        sets = dict(zip(names, map(self._of_events, lists), strict=True))
        attended = self._running.attended(self._query, {name: visits.all for name, visits in sets.items()})
        return [
            merged([*(self._landings[value] for value in values if value in self._landings), visits.group(own)])
            for values, visits, own in zip(lists, sets.values(), attended, strict=True)
        ]

    def _of_events(self, values: Collection[Value]) -> VisitSet:
        """Return the visits with events that have one of these values, except those whose first page is one of them."""
        visits = VisitSet.union(self._sets[value] for value in values if value in self._sets)
        counted = BitMap().union(*(self._landed[page] for page in values if page in self._landed))
        return VisitSet(visits.all - counted, visits.new - counted, visits.people)
