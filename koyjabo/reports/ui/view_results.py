"""The results that a view's parts show."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from koyjabo.base.core.errors import StillCounting
from koyjabo.columns.dimensions.dimensions import CITY_NAME
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import ReportRequest
from koyjabo.reports.engine.results import SnapshotTotals, Summary
from . import breakdowns, figures, map_dots
from .breakdowns import Values
from .card import Card
from .cards import MAP
from .figures import Figure
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
        return [tab for tab in self.plan.tabs(card) if tab != CITY_NAME or self.has_cities]

    def tab(self, card: Card) -> str:
        """The open tab, or the first one if that has nothing to show."""
        tab, tabs = self.plan.tab(card), self.tabs(card)
        return tab if tab in tabs else tabs[0]

    def listed(self, card: Card) -> Values:
        """Return the lines of a card's open tab: all countries, if the map shows the world."""
        tab = self.tab(card)
        if tab != MAP:
            return self.values(tab)
        return self.values(CITY_NAME) if self.dots else self.values(*ALL_COUNTRIES)

    def is_empty(self, card: Card) -> bool:
        """Whether a card is known to have no value, or visits in fewer than MIN_HOURS, so that it is hidden."""
        if self.plan.by or not self.draws(card.name):
            return False
        if self.tab(card) == "hour":
            lines = [line for line in self.values("hour").lines if line.number]
            return len(lines) < MIN_HOURS and not any(line.is_chosen for line in lines)
        return not self[self.plan.value_request(card)]

    def values(self, dimension: str, limit: int | None = None, offset: int = 0) -> Values:
        plan = self.plan
        now, *before = (self[request] for request in plan.breakdown_requests(dimension, limit, offset))
        compared = before[0] if before else None
        return breakdowns.values(now, compared, plan.query, dimension, self._address, offset, plan.per_day)

    @cached_property
    def _all(self) -> Mapping[ReportRequest, Any]:
        return self._read(self.plan.requests(self.draws))

    @cached_property
    def _known(self) -> Mapping[ReportRequest, Any]:
        """The results that are known even while visits are being counted for reports."""
        return self._read(self.plan.ledger_requests) if self.is_counting else self._all

    def _read(self, requests: Iterable[ReportRequest]) -> Mapping[ReportRequest, Any]:
        different = list(dict.fromkeys(requests))
        return dict(zip(different, self._insights.read(different, self._language), strict=True))
