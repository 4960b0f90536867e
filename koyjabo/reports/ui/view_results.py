"""The results that a view's parts show."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from koyjabo.base.core.errors import StillCounting
from koyjabo.base.models import SITE
from koyjabo.columns.dimensions.dimensions import (
    CITY_NAME,
    COMMUNITY,
    DIMENSION_NAMES,
    HOUR_OF_DAY,
    WEEKDAY,
)
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import ReportRequest
from koyjabo.reports.engine.results import SnapshotTotals, Summary
from . import breakdowns, figures, hours_grid, map_dots
from .breakdowns import Values
from .card import Card
from .cards import DIMENSION_OF_TAB, MAP
from .figures import Figure
from .hours_grid import GridRow
from .map_dots import Dot
from .page_address import PageAddress
from .view_plan import ALL_CITIES, ALL_COUNTRIES, ViewPlan

MIN_HOURS = 3
"""How many hours with visits make the card of times useful."""


class ViewResults:
    """The results of the parts that `draws` names, all read at the first use from one snapshot. Labels are in
    `language`, and links lead to variants of `address`; a pushed view has neither. Raises LedgerUnavailable.
    """

    def __init__(
        self,
        plan: ViewPlan,
        insights: Insights,
        draws: Callable[[str], bool] = lambda part: True,
        language: str | None = None,
        address: PageAddress | None = None,
    ) -> None:
        self.plan, self.draws = plan, draws
        self._insights, self._language, self._address = insights, language, address

    def __getitem__(self, request: ReportRequest) -> Any:
        return self._all[request]

    @cached_property
    def is_counting(self) -> bool:
        """Whether reports cannot be computed yet."""
        try:
            return not self._all
        except StillCounting:
            return True

    @property
    def totals(self) -> SnapshotTotals:
        totals: SnapshotTotals = self._known[self.plan.totals_request]
        return totals

    @property
    def extra(self) -> Any:
        """The page's other data; None if it has none, or if only parts are shown."""
        return self._known[self.plan.extra_request] if self.plan.extra_request else None

    @property
    def upto(self) -> int | None:
        """The latest visit number that the view contains; None on public pages with filters."""
        return None if self.plan.base.is_public and self.plan.base.filters else self.totals.total

    @property
    def moment(self) -> int:
        """A number that orders the view's states by time."""
        return self.totals.at_ms if self.upto is None else self.upto

    @property
    def summary(self) -> Summary:
        summary: Summary = self[self.plan.summary_request]
        return summary

    @cached_property
    def figures(self) -> list[Figure]:
        plan = self.plan
        return figures.figures(self.summary, self._address, plan.metric, plan.per_day)

    @property
    def shown_figures(self) -> list[Figure]:
        """The figures without those only the chart shows, and without page views if the scope never had one."""
        hidden = {figures.RETURNING_FIGURE} if self[self.plan.views_request] else figures.UNVIEWED_FIGURES
        return [figure for figure in self.figures if figure.name not in hidden]

    @cached_property
    def has_cities(self) -> bool:
        """Whether a visit of the range has a city."""
        return any(row.value for row in self[self.plan.cities_request].rows)

    @cached_property
    def dots(self) -> list[Dot]:
        """The cities on the map of Bangladesh, if no other country has as many visits. Without any, the map shows the
        world.
        """
        visits = {line.value: line.number for line in self.values(*ALL_COUNTRIES).lines if line.value}
        own = visits.pop("BD", 0)
        return map_dots.dots(self.values(*ALL_CITIES)) if own > max(visits.values(), default=0) else []

    @property
    def off_map(self) -> int:
        """The visits that the map of Bangladesh does not show, because it has no place for them."""
        return self.values(*ALL_CITIES).total.visits - sum(dot.line.number for dot in self.dots)

    def tabs(self, card: Card) -> list[str]:
        """The tabs that have a value; all tabs if none has."""
        return self._tabs(card, self._all)

    def tab(self, card: Card) -> str:
        """The open tab, or the first one if that has nothing to show."""
        return self._tab(card, self._all)

    def _tabs(self, card: Card, results: Mapping[ReportRequest, Any]) -> list[str]:
        present, tabs = results[self.plan.present_request], self.plan.tabs(card)
        return [tab for tab in tabs if DIMENSION_OF_TAB.get(tab, tab) in present] or tabs

    def _tab(self, card: Card, results: Mapping[ReportRequest, Any]) -> str:
        tab, tabs = self.plan.tab(card), self._tabs(card, results)
        return tab if tab in tabs else tabs[0]

    def listed(self, card: Card) -> Values:
        """Return the lines of a card's open tab: all countries, if the map shows the world."""
        tab = self.tab(card)
        if tab != MAP:
            return self.values(tab)
        return self.values(CITY_NAME) if self.dots else self.values(*ALL_COUNTRIES)

    def is_empty(self, card: Card) -> bool:
        """Whether a card is known to have no value, or visits in fewer than MIN_HOURS, so that it is hidden."""
        return not self.plan.by and self.draws(card.name) and self._has_nothing(card)

    def _has_nothing(self, card: Card) -> bool:
        plan = self.plan
        present, hours = self[plan.present_request], {hour for _, hour in self[plan.hours_request]}
        if HOUR_OF_DAY in card.tabs and not {WEEKDAY, HOUR_OF_DAY} & plan.query.filters.keys():
            return len(hours) < MIN_HOURS
        return bool(present.isdisjoint(card.tabs))

    @property
    def grid(self) -> list[GridRow]:
        return hours_grid.grid(self[self.plan.hours_request])

    @property
    def more_lists(self) -> list[str]:
        """The dimensions that have a value, and that no card has as a tab at the moment."""
        cards = (card for card in self.plan.base.cards if not self._has_nothing(card))
        hidden = {tab for card in cards for tab in self.tabs(card)}
        if self.plan.query.scope != SITE:
            hidden.add(COMMUNITY)
        present = self[self.plan.present_request]
        return [name for name in DIMENSION_NAMES if name in present and name not in hidden]

    def values(self, dimension: str, limit: int | None = None, offset: int = 0) -> Values:
        plan = self.plan
        now, *before = (self[request] for request in plan.breakdown_requests(dimension, limit, offset))
        compared = before[0] if before else None
        return breakdowns.values(now, compared, plan.query, dimension, self._address, offset, plan.per_day)

    @cached_property
    def _all(self) -> Mapping[ReportRequest, Any]:
        results = self._read(self.plan.requests(self.draws, self.plan.tab))

        def lacking() -> list[ReportRequest]:
            requests = self.plan.requests(self.draws, lambda card: self._tab(card, results))
            return [request for request in requests if request not in results]

        # If a tab has no value, another one is open. Its list is read in the same snapshot as everything else.
        while requests := lacking():
            results = self._read([*results, *requests])
        return results

    @cached_property
    def _known(self) -> Mapping[ReportRequest, Any]:
        """The results that are known even while visits are being counted for reports."""
        return self._read(self.plan.ledger_requests) if self.is_counting else self._all

    def _read(self, requests: Iterable[ReportRequest]) -> Mapping[ReportRequest, Any]:
        different = list(dict.fromkeys(requests))
        return dict(zip(different, self._insights.read(different, self._language), strict=True))
