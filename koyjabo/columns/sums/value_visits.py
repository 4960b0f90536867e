"""Groups visits by the values of their events."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import compress

from pyroaring import BitMap

from koyjabo.base.core.clock import shifted
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import TableRows
from koyjabo.columns.dimensions.dimensions import VIEWED_PAGE, Value
from koyjabo.columns.query.groups import VisitSet
from koyjabo.columns.query.report_query import LAST_DAY
from .counted_events import counted
from .followed_sums import MARGIN_DAYS, FollowedSums
from .row_names import are_new
from .visit_sums import VisitSums

SET_SIZE = 1_000
"""Bytes that a value takes up even without visits."""


class ValueVisits:
    """`sets` has the visits of a query by the values of their events, whenever the events happened. For VIEWED_PAGE,
    `landed` has the visits by their first page. Visits from `until_ms` on are left out.
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
        for visits in self._visits.table.rows_with(list(theirs), scope):
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


def visits_of_values(visits: VisitSums, table: TableRows, until_ms: int | None = None) -> FollowedSums:
    """Return a query's visits by the dimension of their events."""
    first = shifted(visits.query.first, -MARGIN_DAYS)  # clocks may be set back
    events = replace(visits.query, first=first, last=LAST_DAY, filters={}, since_ms=None)
    return FollowedSums(events, visits.clock, table, lambda dimension: ValueVisits(dimension, visits, until_ms))


def _by_value(values: Iterable[Value], ids: Iterable[int]) -> Iterable[tuple[Value, list[int]]]:
    by_value: defaultdict[Value, list[int]] = defaultdict(list)
    for value, id in zip(values, ids, strict=True):
        by_value[value].append(id)
    return by_value.items()
