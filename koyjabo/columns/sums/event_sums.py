"""Counts page views and events for a query, and their visits. An event counts on the day it happened if its visit,
from any day, passes the filters.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import compress
from typing import Any

from pyroaring import BitMap

from koyjabo.base.core.clock import shifted
from koyjabo.columns.blocks.block_queries import NO_VISIT
from koyjabo.columns.blocks.blocks import Rows
from koyjabo.columns.blocks.log import BEGINNING, Log, Position
from koyjabo.columns.dimensions.dimensions import EVENT, VIEWED_PAGE, Value, has_many, property_of
from koyjabo.columns.events.records import PAGEVIEW
from koyjabo.columns.query.groups import VALUE, VisitSet
from koyjabo.columns.query.periods import DAY, MINUTE
from koyjabo.columns.query.report_query import LAST_DAY, Filter, ReportQuery, passes_none
from .visit_sums import MARGIN_DAYS, Followed, VisitSums, are_new, minutes_of

MAX_KNOWN = 50
"""Maximum number of sets of visits in memory."""

Texts = frozenset[Value] | None
"""Values of events; None means any value."""


def counted(rows: Rows, dimension: str) -> tuple[Rows, str, Sequence[Value]]:
    """Return a dimension's events (including events without a value), the column with the values, and the value that
    each number in this column means.
    """
    events, values = rows.copy(), rows.block.values
    if dimension == EVENT:
        events.check("name", [name != PAGEVIEW for name in values["name"]])
        return events, "name", values["name"]
    if dimension == VIEWED_PAGE:
        events.check("name", [name == PAGEVIEW for name in values["name"]])
        return events, "page", values["page"]
    event, property_ = property_of(dimension)
    events.check("name", [name == event for name in values["name"]])
    return events, "props", [properties_of(text).get(property_) for text in values["props"]]


@lru_cache(maxsize=16_384)
def properties_of(text: str | None) -> Mapping[str, str]:
    props: dict[str, str] = json.loads(text or "{}")
    return props


def drop_largest(kept: dict[Any, Any], sizes: Mapping[Any, int], most: int) -> None:
    """Remove entries until the sum of their sizes is at most `most`: the oldest ones of the scope that has the most.
    Keys begin with their scope, so no scope can take the place of others.
    """
    of_scopes = Counter[str]()
    for key, size in sizes.items():
        of_scopes[key[0]] += size
    while of_scopes.total() > most:
        ((scope, _),) = of_scopes.most_common(1)
        key = next(key for key in kept if key[0] == scope)
        of_scopes[scope] -= sizes[key]
        del kept[key]


class VisitsWithEvents:
    """Finds visits that have events with certain values."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Texts], tuple[BitMap, Position]] = {}

    def ids(self, events: Log, scope: str, dimension: str, texts: Texts) -> BitMap:
        """Return the ids of a scope's visits, and perhaps of others."""
        key = scope, dimension, texts
        ids, upto = self._known.pop(key, (BitMap(), BEGINNING))
        for rows in events.rows(upto, events.end, "", "~", scope):
            if dimension == EVENT and texts is not None:  # includes the name of page views
                theirs, column = rows, "name"
                values: Sequence[Value] = rows.block.values["name"]
            else:
                theirs, column, values = counted(rows, dimension)
            theirs.check(column, [value is not None if texts is None else value in texts for value in values])
            ids.update(theirs.column("visit_id"))
        self._known[key] = ids, events.end
        drop_largest(self._known, dict.fromkeys(self._known, 1), MAX_KNOWN)
        return ids

    def check(self, events: Log, scope: str, dimension: str, filter_: Filter) -> Callable[[Rows], None]:
        """Return a check that keeps the visits that pass a filter on events."""
        havings = [
            self._ids_and_pages(events, scope, dimension, texts)
            for texts in (filter_.any_of - {None}, None, filter_.none_of - {None})
        ]
        is_any, may_lack, must_have = not filter_.any_of, None in filter_.any_of, None in filter_.none_of

        def leave(visits: Rows) -> None:
            visits.keep(
                (is_any or has_one or (may_lack and not has_value)) and not (has_none if has_value else must_have)
                for has_one, has_value, has_none in zip(*(having(visits) for having in havings), strict=True)
            )

        return leave

    def _ids_and_pages(self, events: Log, scope: str, dimension: str, texts: Texts) -> Callable[[Rows], Sequence[bool]]:
        """Return a check for visits that have one of the values. For VIEWED_PAGE, a visit's first page counts."""
        ids = self.ids(events, scope, dimension, texts)

        def having(visits: Rows) -> Sequence[bool]:
            having_value = list(map(ids.__contains__, visits.all("id")))
            if dimension != VIEWED_PAGE:
                return having_value
            pages = visits.block.values["page"]
            first = [page is not None if texts is None else page in texts for page in pages]
            return [one or first[page] for one, page in zip(having_value, visits.all("page"), strict=True)]

        return having


class PassingVisits:
    """Finds out which visits pass a check. Each visit is checked once, when one of its events is counted."""

    def __init__(self, visits: Log, scope: str, check: Callable[[Rows], None], passes_without_visit: bool) -> None:
        """`passes_without_visit` says whether events from visitors without a visit pass."""
        self._visits, self._scope, self._check = visits, scope, check
        self._judged = BitMap([NO_VISIT])
        self._passing = BitMap([NO_VISIT] if passes_without_visit else [])

    def keep(self, events: Rows) -> None:
        """Keep only the events whose visits pass."""
        new = BitMap(events.column("visit_id")) - self._judged
        if new:
            for rows in self._visits.rows_with(list(new), self._scope):
                self._judged.update(rows.all("id"))
                self._check(rows)
                self._passing.update(rows.column("id"))
            self._judged |= new
        events.within(self._passing, "visit_id")


class CountedEvents(Counter[Any]):
    """The number of a dimension's events by DAY, by the start of the hour or minute in s, or by VALUE."""

    def __init__(self, key: tuple[str, str]) -> None:
        super().__init__()
        self._dimension, self._part = key

    def add(self, rows: Rows) -> None:
        values: Sequence[Any]
        events, column, values = counted(rows, self._dimension)
        numbers: Sequence[int]
        if self._part == MINUTE:
            numbers, values = minutes_of(events)
        else:
            if self._part != VALUE:
                column = "day" if self._part == DAY else "hour_s"
                values = events.block.values[column]
            numbers = events.column(column)
        for number, count in Counter(numbers).items():
            self[values[number]] += count

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return 200 * len(self)


def passes_without_visit(query: ReportQuery) -> bool:
    """Return whether an event from a visitor without a visit passes. Its value is None in all dimensions of visits."""
    return not any(
        has_many(dimension) or not passes_none(dimension, filter_) for dimension, filter_ in query.filters.items()
    )


SET_SIZE = 1_000
"""Bytes that a value takes up even without visits."""


class ValueVisits:
    """A query's visits with events, by the values of these events, no matter when they happened. If the values are
    viewed pages, `landed` has the visits by their first page. `until_ms` is the end of the range of visits.
    """

    def __init__(self, dimension: str, visits: VisitSums, until_ms: int | None) -> None:
        self._dimension, self._visits, self._until_ms = dimension, visits, until_ms
        self.sets: dict[Value, VisitSet] = {}
        self.landed: dict[Value, BitMap] = {}

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        sets = [*(visits.all for visits in self.sets.values()), *self.landed.values()]
        return sum(SET_SIZE + 6 * len(visits) for visits in sets)

    def add(self, rows: Rows) -> None:
        events, column, values = counted(rows, self._dimension)
        scope, theirs, new = self._visits.query.scope, BitMap(events.column("visit_id")), BitMap()
        people, pages = dict[int, int](), dict[int, Value]()
        for visits in self._visits.log.rows_with(list(theirs), scope):
            visits.within(theirs)
            self._visits.leave(visits, self._until_ms)
            ids = visits.column("id")
            people.update(zip(ids, visits.column("visitor"), strict=True))
            new.update(compress(ids, visits.named("new_in", are_new(scope))))
            if self._dimension == VIEWED_PAGE:
                pages.update(zip(ids, visits.named("page", visits.block.values["page"]), strict=True))
        for page, landed in _by_value(pages.values(), pages):
            if page is not None:
                self.landed.setdefault(page, BitMap()).update(landed)
        events.within(BitMap(people), "visit_id")
        for value, having in _by_value(events.named(column, values), events.column("visit_id")):
            known = self.sets.setdefault(value, VisitSet.union())
            more = BitMap(having) - known.all
            known.all.update(more)
            known.new.update(more & new)
            known.people.update(map(people.__getitem__, more))


def visits_of_values(visits: VisitSums, log: Log, until_ms: int | None = None) -> Followed:
    """Return a query's visits by the dimension of their events in the log."""
    first = shifted(visits.query.first, -MARGIN_DAYS)  # clocks may be set back
    events = replace(visits.query, first=first, last=LAST_DAY, filters={}, since_ms=None)
    return Followed(events, visits.clock, log, lambda dimension: ValueVisits(dimension, visits, until_ms))


def _by_value(values: Iterable[Value], ids: Iterable[int]) -> Iterable[tuple[Value, list[int]]]:
    by_value: defaultdict[Value, list[int]] = defaultdict(list)
    for value, id in zip(values, ids, strict=True):
        by_value[value].append(id)
    return by_value.items()
