"""Finds the visits that pass a query's filters on visits and on events."""

from collections.abc import Callable, Sequence

from pyroaring import BitMap

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE
from koyjabo.columns.blocks.block_kinds import NO_VISIT
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.blocks.table_rows import BEGINNING, Position, TableRows
from koyjabo.columns.dimensions.dimensions import EVENT_DIMENSION, VIEWED_PAGE, Value, has_many
from koyjabo.columns.query.report_query import Filter, ReportQuery, passes_none
from .counted_events import counted, drop_largest
from .row_names import names_of

MAX_VISIT_SETS = 50
"""Maximum number of sets of visits in memory."""

Texts = frozenset[Value] | None
"""Values of events; None means any value."""


class VisitsWithEvents:
    """Finds visits that have events with certain values."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Texts], tuple[BitMap, Position]] = {}

    def ids(self, events: TableRows, scope: str, dimension: str, texts: Texts) -> BitMap:
        """Return the ids of visits that have an event with one of `texts`: all in the scope, perhaps also others."""
        key = scope, dimension, texts
        ids, upto = self._known.pop(key, (BitMap(), BEGINNING))
        for rows in events.rows(upto, events.end, "", "~", scope):
            if dimension == EVENT_DIMENSION and texts is not None:  # includes the name of page views
                theirs, column = rows, "name"
                values: Sequence[Value] = rows.block.values["name"]
            else:
                theirs, column, values = counted(rows, dimension)
            theirs.check(column, [value is not None if texts is None else value in texts for value in values])
            ids.update(theirs.column("visit_id"))
        self._known[key] = ids, events.end
        drop_largest(self._known, dict.fromkeys(self._known, 1), MAX_VISIT_SETS)
        return ids

    def check(self, events: TableRows, scope: str, dimension: str, filter_: Filter) -> Callable[[Rows], None]:
        """Return a check that keeps the visits that pass a filter on events."""
        havings = [
            self._ids_and_pages(events, scope, dimension, texts)
            for texts in (filter_.any_of - {None}, None, filter_.none_of - {None})
        ]
        is_any, pass_without_value = not filter_.any_of, filter_.passes((), is_none=True)

        def keep_passing(visits: Rows) -> None:
            visits.keep(
                (is_any or is_included) and not is_excluded if has_value else pass_without_value
                for is_included, has_value, is_excluded in zip(*(having(visits) for having in havings), strict=True)
            )

        return keep_passing

    def _ids_and_pages(
        self, events: TableRows, scope: str, dimension: str, texts: Texts
    ) -> Callable[[Rows], Sequence[bool]]:
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

    def __init__(
        self, visits: TableRows, scope: str, check: Callable[[Rows], None], passes_without_visit: bool
    ) -> None:
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


def passes_without_visit(query: ReportQuery) -> bool:
    """Return whether an event from a visitor without a visit passes. Its value is None in all dimensions of visits."""
    return not any(
        has_many(dimension) or not passes_none(dimension, filter_) for dimension, filter_ in query.filters.items()
    )


def check(rows: Rows, query: ReportQuery, clock: Clock) -> None:
    """Keep the scope's visits that pass all filters on visits. Filters on events are not applied here."""
    block = rows.block
    if query.scope != SITE:
        rows.check("scope", [scope == query.scope for scope in block.values["scope"]])
    for key, filter_ in query.filters.items():
        if not has_many(key):
            column, named = names_of(block, key, clock)
            is_unknown_in = passes_none(key, filter_)
            rows.check(column, [is_unknown_in if name is None else filter_.passes((name,), False) for name in named])
