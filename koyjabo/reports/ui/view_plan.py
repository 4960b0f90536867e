"""Reads from a view's URL what the view shows, and which results its parts need."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any
from zlib import crc32

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.services import Services
from koyjabo.columns.dimensions.dimensions import CITY_NAME, COUNTRY, HOUR_OF_DAY, dimension_of
from koyjabo.columns.query.periods import GRANULARITIES
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine import snapshot_queries
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import (
    BreakdownRequest,
    HoursRequest,
    LedgerRequest,
    PresentRequest,
    ReportRequest,
    SummaryRequest,
    TimelineRequest,
    ViewsRequest,
)
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS, SnapshotTotals
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.comparisons import NO_COMPARISON, PREVIOUS_PERIOD, since
from koyjabo.reports.query.granularities import NOT_A_GRANULARITY, possible
from koyjabo.reports.query.parameters import NOT_A_DIMENSION, is_dimension
from koyjabo.reports.query.ranges import DEFAULT_RANGE, first_range
from . import breakdowns, figures, timelines
from .card import Card
from .cards import GRID, MAP, MORE_LISTS
from .page_address import Pairs
from .report_context import VIEW_PARAMETERS, ReportContext

SENDING_PARAMETERS = ("part", "whole")
"""Parameters that control how a page is sent: only these parts, and all parts however long they take."""

RENAMED_PAIRS = {("compare", "weekday"): ("compare", PREVIOUS_PERIOD)}
"""Parameters in addresses from earlier versions, with what they mean now."""

ALL_COUNTRIES, ALL_CITIES = (COUNTRY, MAX_BREAKDOWN_ROWS), (CITY_NAME, MAX_BREAKDOWN_ROWS)
LISTS: dict[str, tuple[Any, ...]] = {MAP: (ALL_COUNTRIES, ALL_CITIES, (CITY_NAME,)), GRID: ()}
"""What tabs may show, depending on the results. All other tabs show the dimension of their name."""

DAYS_FOR_GRID = 7
"""The days that the range and the scope need for hours by weekday."""


def totals(snapshot: Snapshot, query: ReportQuery) -> SnapshotTotals:
    return SnapshotTotals(snapshot_queries.total(snapshot.session, query.scope), snapshot.at_ms)


class ViewPlan:
    """What the URL of a view says. Raises InvalidInput for an invalid URL, and LedgerUnavailable."""

    def __init__(self, services: Services, base: ReportContext, pairs: Iterable[tuple[str, str]]) -> None:
        self.base, self.today = base, services.clock.today()
        insights = services[Insights]
        self.insights = insights.for_public(base.filters) if base.is_public else insights
        given = tuple(RENAMED_PAIRS.get(pair, pair) for pair in pairs)
        self._first_day = insights.first_day(base.scope)
        first = base.range or first_range(self._first_day, self.today)
        self.parameters = self.insights.parse(given, base.scope, (*VIEW_PARAMETERS, *SENDING_PARAMETERS), first)
        if not base.range and first != DEFAULT_RANGE:  # name it in addresses, because it changes with the days
            self.parameters = replace(self.parameters, default="")
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
        everything = replace(self.query, filters={})
        self.extra_request = LedgerRequest(everything, base.extra) if base.extra and not self.parts else None
        self.cities_request = BreakdownRequest(everything.within(base.filters), CITY_NAME, 2)  # one may be unknown

    @cached_property
    def comparison(self) -> str:
        """The comparison in the URL. Without one, PREVIOUS_PERIOD if all days that it needs have data."""
        if self._has_chosen:
            return self.parameters.compare or NO_COMPARISON
        has_data = self._first_day and self._first_day <= self.insights.compared(self.query, PREVIOUS_PERIOD).first
        return PREVIOUS_PERIOD if has_data else NO_COMPARISON

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
        return since(self._first_day, self.before) if self.before else None

    @property
    def began(self) -> str:
        """The first compared day that has data; "" if all of them have data."""
        return self.compared.first if self.compared and self.compared != self.before else ""

    @cached_property
    def per_day(self) -> float:
        """Factor for scaling the compared days' numbers: 1.0 if all days have data."""
        days = self.insights.days
        return days(self.before) / days(self.compared) if self.began and self.before and self.compared else 1.0

    # Choices

    @property
    def metric(self) -> str:
        metric = self.other("metric")
        return metric if metric in figures.CHARTED_FIGURES else figures.CHARTED_FIGURES[0]

    @property
    def granularity(self) -> str:
        """The requested granularity, or the next coarser one if there are too many days."""
        return possible(self.query, self.other("granularity") or timelines.granularity(self.query))

    @property
    def opened_card(self) -> str:
        """The card of the tab that was opened last; "" if each card shows its first tab."""
        cards = self.base.cards
        return next((card.name for tab in reversed(self.open_tabs) for card in cards if tab in card.tabs), "")

    def tab(self, card: Card) -> str:
        tabs = self.tabs(card)
        return next((tab for tab in self.open_tabs if tab in tabs), tabs[0])

    def tabs(self, card: Card) -> list[str]:
        """The tabs of a card, including those without a value."""
        hidden = HOUR_OF_DAY if self.has_grid else GRID
        return [tab for tab in card.tabs if tab != hidden]

    @cached_property
    def has_grid(self) -> bool:
        """Whether hours are shown by weekday."""
        is_long = shifted(self.query.first, DAYS_FOR_GRID - 1) <= self.query.last and self.query.since_ms is None
        return is_long and bool(self._first_day) and shifted(str(self._first_day), DAYS_FOR_GRID) <= self.today

    def other(self, name: str) -> str:
        return self.parameters.others.get(name, "")

    # Requests for its parts

    def requests(self, draws: Callable[[str], bool], tab_of: Callable[[Card], str]) -> Iterator[ReportRequest]:
        """Yield the requests for the parts that are drawn, with the open tabs, and for the page's other data."""
        yield from self.ledger_requests
        if draws("figures") or draws("chart"):
            yield from (self.summary_request, self.views_request)
        if draws("chart"):
            yield from self.timeline_requests
        if self.by:
            yield from self.breakdown_requests(*self.whole_list) if draws("list") else ()
            return
        for card in self.base.cards:
            if draws(card.name):
                tab = tab_of(card)
                for listed in LISTS.get(tab, ((tab,),)):
                    yield from self.breakdown_requests(*listed)
                if CITY_NAME in card.tabs:
                    yield self.cities_request
        if any(map(draws, (MORE_LISTS, *(card.name for card in self.base.cards)))):
            yield from (self.present_request, self.hours_request)

    @property
    def ledger_requests(self) -> list[LedgerRequest]:
        """Requests that have results even while visits are being counted for reports."""
        return [request for request in (self.totals_request, self.extra_request) if request]

    @property
    def summary_request(self) -> SummaryRequest:
        return SummaryRequest(self.query, self.compared)

    @property
    def timeline_requests(self) -> list[TimelineRequest]:
        """Requests for the periods of the query and of the days it is compared with."""
        before = self.before if self.compared else None
        return [TimelineRequest(query, self.granularity) for query in (self.query, before) if query]

    def breakdown_requests(self, dimension: str, limit: int | None = None, offset: int = 0) -> list[BreakdownRequest]:
        """Return requests for a breakdown of the query, by default as long as in a card, and for all values of the
        compared days.
        """
        limit = limit or dimension_of(dimension).default_rows(breakdowns.MAX_LINES_IN_CARD)
        requests = [BreakdownRequest(self.query, dimension, limit, offset)]
        return (
            [*requests, BreakdownRequest(self.compared, dimension, MAX_BREAKDOWN_ROWS)] if self.compared else requests
        )

    @property
    def views_request(self) -> ViewsRequest:
        return ViewsRequest(self.query)

    @property
    def present_request(self) -> PresentRequest:
        return PresentRequest(self.query)

    @property
    def hours_request(self) -> HoursRequest:
        return HoursRequest(self.query)

    @property
    def whole_list(self) -> tuple[str, int, int]:
        """Dimension, limit and offset of the whole list. A search reads as many values as one report can have."""
        return (self.by, MAX_BREAKDOWN_ROWS, 0) if self.find else (self.by, breakdowns.MAX_LINES_IN_LIST, self.offset)
