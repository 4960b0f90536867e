"""What a thread keeps in memory for report queries: the rows of both tables, and the sums of recent queries."""

import time
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyroaring import BitMap

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.executor import REPORT_LIMIT_S
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.blocks import row_queries, state_queries
from koyjabo.columns.blocks.block import Block
from koyjabo.columns.blocks.block_kinds import EVENT_BLOCKS, VISIT_BLOCKS
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.state_queries import DatabaseSession, RowState
from koyjabo.columns.blocks.table_rows import TableRows
from koyjabo.columns.dimensions.dimensions import EVENT_DIMENSION, VIEWED_PAGE, has_many
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.columns.query.groups import LENGTHS, PRESENT, VALUE, Attended, Groups
from koyjabo.columns.query.periods import DAY, HOUR_MS
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.counting.evidence.facts import CHANGING_FACTS
from .attended_sets import AttendedSets
from .counted_events import CountedEvents, drop_largest, properties_of
from .filters import PassingVisits, VisitsWithEvents, check, passes_without_visit
from .followed_sums import FollowedSums
from .length_counts import LengthCounts
from .present_dimensions import PresentDimensions
from .value_visits import ValueVisits, visits_of_values
from .visit_sums import VisitSums

MAX_SUM_BYTES, QUERY_SIZE = 64 * 1024 * 1024, 2_000
"""Maximum bytes for all sums, and the bytes that a query takes up even without sums."""

MAX_QUERIES = 200
"""Maximum number of queries with sums for one community. Each takes time when a visit's attended time changes."""


@dataclass
class _QuerySums:
    """The sums of one query."""

    visits: VisitSums
    events: FollowedSums
    values: FollowedSums
    attended: AttendedSets

    @property
    def size(self) -> int:
        all_sums = (self.visits, self.events, self.values, self.attended)
        return QUERY_SIZE + sum(sums.size for sums in all_sums)


class RunningSums:
    """The rows and sums of one thread. `refresh` or `at` begins each snapshot, with the session that reads it."""

    is_stale = False
    """Set this on any thread to forget everything at the next snapshot."""

    def __init__(self, parser: TraitParser, clock: Clock) -> None:
        self._clock, self.parser = clock, parser
        self.visits = TableRows(VISIT_BLOCKS, row_queries.visits(parser))
        self.events = TableRows(EVENT_BLOCKS, row_queries.events)
        self.forget()

    @property
    def rules(self) -> int:
        return self.parser.rules

    def fresh(self) -> "RunningSums":
        """Return new sums for another thread, with the same rules."""
        return RunningSums(self.parser, self._clock)

    def forget(self) -> None:
        self._version: Any = None
        self._attendance = 0  # the highest `attendance.seq` that was read
        self._attendance_dropped = 0  # the highest one that was removed
        properties_of.cache_clear()
        self._sums: dict[Any, _QuerySums] = {}  # the most recently used is last
        self._with_events = VisitsWithEvents()
        self.reduced_before = ""
        """The first day whose visits are not reduced; "" if none is."""

    def refresh(self, session: DatabaseSession) -> RowState:
        """Read all new rows of the snapshot. Raises StillCounting."""
        state = self.at(session)
        self.visits.refresh(state.visits)
        self.events.refresh(state.events)
        # A later event can change whether an earlier visit passes filters by events, so these sums are valid for one
        # snapshot only.
        for key in [key for key in self._sums if any(map(has_many, key[1].filters))]:
            del self._sums[key]
        drop_largest(self._sums, {key: sums.size for key, sums in self._sums.items()}, MAX_SUM_BYTES)
        return state

    def read_some(self, session: DatabaseSession) -> tuple[RowState, list[Block], bool]:
        """Read some new rows. Returns the state, the blocks to store, and whether there are more rows."""
        state = self.at(session)
        has_more = self.visits.read_some(state.visits) or self.events.read_some(state.events)
        return state, [*self.visits.unsaved.values(), *self.events.unsaved.values()], has_more

    def by(self, query: ReportQuery, key: str, others: Collection[str] = ()) -> Groups:
        """Group a query's visits by the name of a period, a value, or None for everything. The same pass also reads
        the keys in `others`.
        """
        sums = self._of(query).visits
        groups: Groups = sums.followed(key, query.until_ms, others).groups
        return groups

    def events_by(self, query: ReportQuery, dimension: str, key: str) -> Counter[Any]:
        """Count the events of a dimension by a key of `CountedEvents`. The same pass reads what totals and breakdowns
        also need.
        """
        both = [(VIEWED_PAGE, DAY), (EVENT_DIMENSION, DAY)] if key in (DAY, VALUE) else []
        sums = self._of(query).events
        counts: Counter[Any] = sums.followed((dimension, key), query.until_ms, both)
        return counts

    def visits_by_value(self, query: ReportQuery, dimension: str) -> ValueVisits:
        sums = self._of(query)
        if query.until_ms is not None:  # visits are added to the range after its events have been read
            sums.values = visits_of_values(sums.visits, self.events, query.until_ms)
        visits: ValueVisits = sums.values.followed(dimension, None)
        return visits

    def lengths(self, query: ReportQuery, others: Collection[str] = ()) -> LengthCounts:
        """Return the lengths of the query's measured visits. For `others`, see `by`."""
        lengths: LengthCounts = self._of(query).visits.followed(LENGTHS, query.until_ms, others)
        return lengths

    def present(self, query: ReportQuery, others: Collection[str] = ()) -> set[str]:
        """Return the dimensions of visits that the query's visits have a value of. For `others`, see `by`."""
        sums: PresentDimensions = self._of(query).visits.followed(PRESENT, query.until_ms, others)
        return sums.names

    def attended(self, query: ReportQuery, sets: Mapping[Hashable, BitMap]) -> list[Attended]:
        """Return the attended visits in each set of a query's visits (`AttendedSets`)."""
        return self._of(query).attended.of(sets)

    def at(self, session: DatabaseSession) -> RowState:
        """Read the snapshot's state. Forget all rows if some have changed since the last read, for example through an
        erasure.
        """
        if self.is_stale:
            self.is_stale = False
            self.forget()
        state = state_queries.read_state(session)
        is_back = state.visits < self.visits.upto or state.events < self.events.upto
        is_back |= not state.attendance_dropped <= self._attendance <= state.attendance
        if is_back or state.version != self._version:
            self.forget()
            self.visits.forget()
            self.events.forget()
            self._version = state.version
        self.reduced_before = state.reduced_before
        deadline_s = time.monotonic() + REPORT_LIMIT_S
        for table in (self.visits, self.events):
            table.session, table.deadline_s, table.has_blocks = session, deadline_s, state.has_blocks
        if state.attendance != self._attendance:
            self._follow_attendance(session, state)
        return state

    def _follow_attendance(self, session: DatabaseSession, state: RowState) -> None:
        self._version = None  # if reading fails, no sums may remain
        moved = set()  # queries whose visits may now pass their filters, or no longer pass them
        for changed in self.visits.change(row_queries.changed_since(session, self._attendance)):
            places = changed.places()
            scopes = {SITE, *(scope for _, scope in places)}
            for key, sums in self._sums.items():
                scope, query, _ = key
                if scope not in scopes or not any(query.has(*place) for place in places):
                    continue
                if CHANGING_FACTS & query.filters.keys():
                    moved.add(key)
                else:
                    sums.visits.adjust(changed)
                    sums.attended.forget()
        for key in moved:
            del self._sums[key]
        if state.attendance_dropped != self._attendance_dropped:
            self.visits.keep_patches(row_queries.waiting(session))
        self._attendance, self._attendance_dropped = state.attendance, state.attendance_dropped
        self._version = state.version

    def _of(self, query: ReportQuery) -> _QuerySums:
        key = query.scope, replace(query, until_ms=None), query.until_ms is not None
        if key not in self._sums:
            self._forget_earlier(*key)
        sums = self._sums.pop(key, None) or self._new(key[1])
        self._sums[key] = sums
        if query.scope != SITE:
            of_scope = [other for other in self._sums if other[0] == query.scope]
            for other in of_scope[:-MAX_QUERIES]:
                del self._sums[other]
        return sums

    def _forget_earlier(self, scope: Scope, query: ReportQuery, is_cut: bool) -> None:
        """Forget the sums of the last hour as it was some minutes ago, because no page requests them again."""
        if query.since_ms is None:
            return
        for key in list(self._sums):
            other: ReportQuery = key[1]
            if other.since_ms is None or not 0 < query.since_ms - other.since_ms < HOUR_MS:
                continue
            if key == (scope, replace(query, first=other.first, last=other.last, since_ms=other.since_ms), is_cut):
                del self._sums[key]

    def _new(self, query: ReportQuery) -> _QuerySums:
        by_events = [
            self._with_events.check(self.events, query.scope, dimension, filter_)
            for dimension, filter_ in query.filters.items()
            if has_many(dimension)
        ]

        def passes(rows: Rows) -> None:
            check(rows, query, self._clock)
            for leave in by_events:
                leave(rows)

        passing = None
        if query.filters:
            passing = PassingVisits(self.visits, query.scope, passes, passes_without_visit(query))

        def keep(events: Rows) -> None:
            if query.scope != SITE:
                events.check("scope", [scope == query.scope for scope in events.block.values["scope"]])
            if passing:
                passing.keep(events)

        visits = VisitSums(query, self._clock, self.visits, passes)
        return _QuerySums(
            visits=visits,
            events=FollowedSums(query, self._clock, self.events, CountedEvents, keep),
            values=visits_of_values(visits, self.events),
            attended=AttendedSets(self.visits, query.scope),
        )
