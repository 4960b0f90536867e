"""Reads from a view's URL what the view shows, and the results that its parts need."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any
from zlib import crc32

from koyjabo.base.core.errors import InvalidInput, StillCounting
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.services import Services
from koyjabo.columns.dimensions.dimensions import CITY_NAME
from koyjabo.columns.query.periods import GRANULARITIES
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine import snapshot_queries
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import (
    BreakdownRequest,
    LedgerRequest,
    ReportRequest,
    SummaryRequest,
    TimelineRequest,
)
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS, SnapshotTotals, Summary
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.comparisons import NO_COMPARISON, WEEKDAY, since
from koyjabo.reports.query.granularities import NOT_A_GRANULARITY, possible
from koyjabo.reports.query.parameters import NOT_A_DIMENSION, is_dimension
from . import breakdowns, figures, timelines
from .breakdowns import Values
from .card import Card
from .cards import BANGLADESH, listed_by
from .figures import Figure
from .page_address import PageAddress, Pairs
from .report_context import VIEW_PARAMETERS, ReportContext

Results = Mapping[ReportRequest, Any]

SENDING_PARAMETERS = ("part", "whole")
"""Parameters that control how a page is sent: only these parts, and all parts however long they take."""

ON_MAP = (CITY_NAME, MAX_BREAKDOWN_ROWS)
"""The map's contents: a dimension, and how many of its values are shown."""


def totals(snapshot: Snapshot, query: ReportQuery) -> SnapshotTotals:
    return SnapshotTotals(snapshot_queries.total(snapshot.session, query.scope), snapshot.at_ms)


class ViewPlan:
    """A view's contents. The first use of a result reads all results at once. Raises InvalidInput for an invalid URL,
    and LedgerUnavailable.
    """

    address: PageAddress | None = None  # links are based on it
    language: str | None = None  # labels are missing without a language

    def __init__(self, services: Services, base: ReportContext, pairs: Iterable[tuple[str, str]]) -> None:
        self.base, self.today = base, services.clock.today()
        insights = services[Insights]
        self.insights = insights.for_public() if base.is_public else insights
        given = tuple(pairs)
        self.parameters = self.insights.parse(given, base.scope, (*VIEW_PARAMETERS, *SENDING_PARAMETERS), base.range)
        self.query = self.parameters.query.within(base.filters)
        self._has_chosen = any(name == "compare" for name, _ in given)
        self.parts = frozenset(filter(None, self.other("part").split(",")))  # the requested parts; empty for all
        self.by = self.other("by")  # the dimension whose whole list is shown; "" if the cards are shown
        self.find, self.open_tabs = self.other("find").strip(), self.other("tabs").split(",")
        problems: dict[str, Any] = {}
        if self.other("granularity") not in ("", *GRANULARITIES):
            problems["granularity"] = NOT_A_GRANULARITY
        if self.by and not is_dimension(self.by):
            problems["by"] = NOT_A_DIMENSION
        if not re.fullmatch(r"[0-9]{0,6}", self.other("offset")):
            problems["offset"] = N_("must be a number")
        if problems:
            raise InvalidInput(details=problems)
        self.offset = int(self.other("offset") or 0)
        self.totals_request = LedgerRequest(ReportQuery(self.today, self.today, base.scope), totals)

    @cached_property
    def comparison(self) -> str:
        """The comparison in the URL. Without one, WEEKDAY if all days that it needs have data."""
        if self._has_chosen:
            return self.parameters.compare or NO_COMPARISON
        with suppress(StillCounting):
            began = self.insights.first_day(self.base.scope)
            if began and began <= self.insights.compared(self.query, WEEKDAY).first:
                return WEEKDAY
        return NO_COMPARISON

    @property
    def pairs(self) -> Pairs:
        """The parameters in a fixed order."""
        pairs = tuple(self.parameters.pairs())
        is_none = self._has_chosen and not self.parameters.compare
        return (*pairs, ("compare", NO_COMPARISON)) if is_none else pairs

    @cached_property
    def key(self) -> str:
        """A key that distinguishes the views of one page."""
        return f"{crc32(repr(self.view).encode()):x}"

    @property
    def view(self) -> tuple[str, ...]:
        """A value that is equal for all readers of the view, and different for all other views."""
        return (
            self.base.name,
            self.base.scope,
            *(f"{name}={value}" for name, value in self.pairs if name not in SENDING_PARAMETERS),
        )

    @cached_property
    def before(self) -> ReportQuery | None:
        """The days to compare with, including days before the first visit; None if there is no comparison."""
        chosen = self.comparison
        return None if chosen == NO_COMPARISON else self.insights.compared(self.query, chosen)

    @cached_property
    def compared(self) -> ReportQuery | None:
        """The part of `before` that has data; None if it has none."""
        return since(self.insights.first_day(self.base.scope), self.before) if self.before else None

    @property
    def began(self) -> str:
        """The first compared day that has data; "" if all of them have data."""
        return self.compared.first if self.compared and self.compared != self.before else ""

    @cached_property
    def per_day(self) -> float:
        """Factor for scaling the compared days' numbers: 1.0 if all days have data."""
        days = self.insights.days
        return days(self.before) / days(self.compared) if self.began and self.before and self.compared else 1.0

    @property
    def upto(self) -> int | None:
        """The latest visit number that the view contains; None on public pages with filters."""
        return None if self.base.is_public and self.base.filters else self.totals.total

    @property
    def moment(self) -> int:
        """A number that orders the view's states by time."""
        return self.totals.at_ms if self.upto is None else self.upto

    # Choices

    @property
    def metric(self) -> str:
        metric = self.other("metric")
        return metric if metric in figures.CHARTED_FIGURES else figures.CHARTED_FIGURES[0]

    @property
    def granularity(self) -> str:
        """The requested granularity, or the next coarser one if there are too many days."""
        return possible(self.query, self.other("granularity") or timelines.granularity(self.query))

    def tab(self, card: Card) -> str:
        return next((tab for tab in self.open_tabs if tab in card.tabs), card.tabs[0])

    def other(self, name: str) -> str:
        return self.parameters.others.get(name, "")

    # The results of all parts

    @cached_property
    def results(self) -> Results:
        return self.read(self.requests())

    def read(self, requests: Iterable[ReportRequest]) -> Results:
        different = list(dict.fromkeys(requests))
        return dict(zip(different, self.insights.read(different, self.language), strict=True))

    @property
    def totals(self) -> SnapshotTotals:
        totals: SnapshotTotals = self.results[self.totals_request]
        return totals

    @property
    def summary(self) -> Summary:
        summary: Summary = self.results[self.summary_request]
        return summary

    @cached_property
    def figures(self) -> list[Figure]:
        is_filtered = bool(self.query.filters)
        return figures.figures(self.summary, self.address, self.metric, is_filtered, self.per_day)

    def values(self, tab: str, limit: int = breakdowns.MAX_LINES_IN_CARD, offset: int = 0) -> Values:
        """Return the lines of a tab: a dimension, or the places of a map."""
        dimension = listed_by(tab)
        now, *before = (self.results[request] for request in self.breakdown_requests(dimension, limit, offset))
        compared = before[0] if before else None
        return breakdowns.values(now, compared, self.query, dimension, self.address, offset, self.per_day)

    # Requests for its parts

    def draws(self, part: str) -> bool:
        """Return whether this part is shown."""
        return True

    def requests(self) -> Iterator[ReportRequest]:
        """Yield the requests for the parts that are shown."""
        yield self.totals_request
        if self.draws("figures") or self.draws("chart"):
            yield self.summary_request
        if self.draws("chart"):
            yield from self.timeline_requests
        if self.by:
            yield from self.breakdown_requests(*self.whole_list) if self.draws("list") else ()
            return
        for tab in (self.tab(card) for card in self.base.cards if self.draws(card.name)):
            yield from self.breakdown_requests(listed_by(tab))
            yield from self.breakdown_requests(*ON_MAP) if tab == BANGLADESH else ()

    @property
    def summary_request(self) -> SummaryRequest:
        return SummaryRequest(self.query, self.compared)

    @property
    def timeline_requests(self) -> list[TimelineRequest]:
        """Requests for the periods of the query and of the days it is compared with."""
        before = self.before if self.compared else None
        return [TimelineRequest(query, self.granularity) for query in (self.query, before) if query]

    def breakdown_requests(
        self, dimension: str, limit: int = breakdowns.MAX_LINES_IN_CARD, offset: int = 0
    ) -> list[BreakdownRequest]:
        """Return requests for a breakdown of the query, and for all values of the compared days."""
        requests = [BreakdownRequest(self.query, dimension, limit, offset)]
        return (
            [*requests, BreakdownRequest(self.compared, dimension, MAX_BREAKDOWN_ROWS)] if self.compared else requests
        )

    @property
    def whole_list(self) -> tuple[str, int, int]:
        """Dimension, limit and offset of the whole list. A search reads as many values as one report can have."""
        return (self.by, MAX_BREAKDOWN_ROWS, 0) if self.find else (self.by, breakdowns.MAX_LINES_IN_LIST, self.offset)
