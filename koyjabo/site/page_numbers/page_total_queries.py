"""Reads the views of all pages from the reports, and compares them with the numbers of pages."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import StillCounting
from koyjabo.base.database.upkeep_rules import UpkeepRules
from koyjabo.columns.columns import Columns, RowState
from koyjabo.columns.dimensions.dimensions import VIEWED_PAGE
from koyjabo.columns.query.report_query import FIRST_DAY, LAST_DAY, ReportQuery
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.engine.values import EventValues
from . import page_queries
from .page_queries import PageRow


class PageViewTotals(NamedTuple):
    """The views of all pages, in all and on the day `today`, at one state of the rows."""

    state: RowState
    views: Mapping[str, int]
    today: str
    of_today: Mapping[str, int]

    def rows(self) -> list[PageRow]:
        return [
            (page, views, self.today if page in self.of_today else "", self.of_today.get(page, 0))
            for page, views in sorted(self.views.items())
        ]


def totals(session: Session, clock: Clock, columns: Columns, is_kept: bool = True) -> PageViewTotals:
    """Return the totals. `is_kept` is as in `Columns.read`. Raises StillCounting."""
    reading, today = columns.read(session, is_kept), clock.today()
    snapshot = Snapshot(session, clock, reading)
    # Not from the first visit's day, because page views may be older.
    of_all_time = EventValues(snapshot, ReportQuery(FIRST_DAY, LAST_DAY), VIEWED_PAGE)
    of_today = EventValues(snapshot, ReportQuery(today, today), VIEWED_PAGE)
    return PageViewTotals(reading.state, _views(of_all_time), today, _views(of_today))


def _views(values: EventValues) -> dict[str, int]:
    return {page: count for page, count in values.counts.items() if page is not None and count}


def finish(session: Session, columns: Columns, totals: PageViewTotals, began: int) -> None:
    """Mark the sums as ready, unless rows were changed or removed, or another worker has added to the sums or discarded
    them. `began` is the result of the `discard` before they were computed.
    """
    if columns.change(session).lock_state().version != totals.state.version:
        return
    if page_queries.marks(session) or page_queries.version(session) != began:
        return
    if page_queries.all_views(session) == sum(totals.views.values()):
        page_queries.mark_ready(session, totals.state.visits, totals.state.events)


class PageNumberRules(UpkeepRules):
    def problems(self, session: Session, clock: Clock, columns: Columns) -> Iterator[str]:
        """Compare the numbers of all pages with a report from the first day on, and yield a sentence for each
        difference. Does nothing while either of them is being computed.
        """
        numbers = page_queries.numbers(session)
        if numbers is None:
            return
        with suppress(StillCounting):
            reported = totals(session, clock, columns, is_kept=False)
            for page in sorted({*reported.views, *numbers}):
                views = reported.views.get(page, 0)
                if numbers[page] != views:
                    yield f"page_sums: {page} has {numbers[page]} views instead of {views}"

    def discard_sums(self, session: Session) -> None:
        page_queries.discard(session)

    discard_days = discard_sums
