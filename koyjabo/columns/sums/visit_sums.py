"""Running sums of a query's visits."""

from collections import defaultdict
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import AttendedRows, TableRows
from koyjabo.columns.query.groups import LENGTHS, PRESENT
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.counting.evidence.facts import CHANGING_FACTS
from .followed_sums import Check, FollowedSums
from .length_counts import LengthCounts
from .present_dimensions import PresentDimensions
from .visit_counts import VisitCounts


class VisitSums(FollowedSums):
    """Visit counts by dimension, period or length. `passes` keeps the rows that pass the filters."""

    def __init__(self, query: ReportQuery, clock: Clock, table: TableRows, passes: Check) -> None:
        def counts(key: str) -> VisitCounts | LengthCounts | PresentDimensions:
            if key == PRESENT:
                return PresentDimensions(clock)
            return LengthCounts() if key == LENGTHS else VisitCounts(key, clock, query.scope)

        super().__init__(query, clock, table, counts, passes)

    def adjust(self, changed: AttendedRows) -> None:
        """Apply changes in attended times."""
        places = defaultdict[Any, list[Any]](list)
        for key in CHANGING_FACTS & self._by_key.keys():
            del self._by_key[key]
        for place in self._by_key.values():
            places[place.at].append(place.sums)
        for (upto, until_ms), these in places.items():
            rows = changed.until(upto)
            self.leave(rows, until_ms)
            for sums in these if rows else ():
                sums.adjust(rows, changed.before)

    def leave(self, rows: Rows, until_ms: int | None) -> None:
        """Keep only the visits of the query. `rows` may be from any day."""
        first, last = self.query.first, self.query.last
        rows.check("day", [first <= day <= last for day in rows.block.values["day"]])
        if until_ms is not None:
            rows.keep_moments(self.near(until_ms), 0, until_ms)
        self._begin(rows)
        self._keep(rows)
