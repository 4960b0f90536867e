"""An Insights view, as templates show it. A part is read when a template renders it."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import request
from flask_babel import gettext as _
from markupsafe import Markup

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.network import client_address
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.query.comparisons import whole_days
from koyjabo.reports.query.ranges import LAST_HOUR
from koyjabo.web.current import current
from koyjabo.web.i18n import count, language, time_of_day
from . import breakdowns, cards, choices, figures, filters, numbers, range_picker, timelines
from .breakdowns import Pages
from .card import Card
from .cards import DIMENSION_OF_TAB, GRID, MORE_LISTS
from .filters import Chip
from .page_address import Choice, PageAddress
from .range_picker import Picker
from .report_context import VIEW_PARAMETERS, ReportContext
from .timelines import Chart
from .view_links import VIEW_LINKS, ViewLink
from .view_plan import SENDING_PARAMETERS, ViewPlan
from .view_results import ViewResults

MAX_VISITS_AT_ONCE = 200_000
"""Filtered reports on more visits than this take a second or more each, so their parts are sent separately from the
page.
"""

MAX_VISITS_FOR_LINES = 100_000
"""Up to this number of visits, each row offers a line. The limit is needed because the browser requests a line whenever
the pointer rests on a row.
"""


class View:
    """A view for the current request: its `plan`, the `results` of this plan, and how they are shown. Raises
    InvalidInput for an invalid URL, and LedgerUnavailable when a part is read.
    """

    def __init__(self, base: ReportContext, pairs: Iterable[tuple[str, str]]) -> None:
        self.plan = plan = ViewPlan(current(), base, pairs)
        network = client_address.limit_key(request.environ) if base.is_public else ""
        self._insights = plan.insights.for_reader(base.reader, is_live=bool(plan.parts), address=network)
        self.address = PageAddress(base.path, plan.pairs).without(SENDING_PARAMETERS)
        self.results = ViewResults(plan, self._insights, self.draws, language(), self.address)
        self.is_running = plan.query.last == plan.today  # whether the last day is today
        self.days = range_picker.days_in_words(plan.query.first, plan.query.last)
        if plan.query.since_ms is not None:
            self.days = str(range_picker.PRESETS[LAST_HOUR][0])

    def draws(self, part: str) -> bool:
        return part in self.plan.parts if self.plan.parts else not self.is_apart

    @cached_property
    def is_apart(self) -> bool:
        """Whether the parts are sent separately from the page, because they take a long time."""
        if self.plan.parts or self.plan.other("whole") or not self.plan.query.filters:
            return False
        everything = self._insights.summary(replace(self.plan.query, filters={}))
        return everything.figures.visits > MAX_VISITS_AT_ONCE

    # The query

    @cached_property
    def range(self) -> Picker:
        return range_picker.picker(self.address, self.plan.query, self.plan.today, self.plan.parameters.default)

    @property
    def comparisons(self) -> list[Choice]:
        return choices.comparisons(self.address, self.plan.comparison)

    @property
    def switches(self) -> list[Choice]:
        base = self.plan.base
        return [] if base.is_public else choices.switches(self.address, base.filters)

    @cached_property
    def chips(self) -> list[Chip]:
        return filters.chips(self.plan.parameters.query.filters, self.address, self._insights.label)

    # The parts

    @property
    def reason(self) -> str | None:
        """Why the figures are not exact; None if they are, or are sent separately."""
        return self.results.summary.reason if self.draws("figures") else None

    @property
    def words(self) -> str | Markup:
        """The days, and the days they are compared with."""
        days = self.days
        if not self.draws("figures") or (compared := self.results.summary.compared) is None:
            return days
        before = Markup(range_picker.days_in_words(compared.start, compared.end))
        if until := self.results.summary.until:
            before += Markup(', <span data-cell="until" data-as="time">{}</span>').format(time_of_day(until))
        return Markup(_("%(days)s, compared with %(before)s")) % {"days": days, "before": before}

    @property
    def data_begins(self) -> str:
        """A text about the compared days that have data; "" if all of them do."""
        plan = self.plan
        if not (plan.began and plan.compared and plan.before and self.draws("figures")):
            return ""
        some, of = count(whole_days(plan.compared)), count(whole_days(plan.before))
        day = range_picker.days_in_words(plan.began, plan.began)
        return str(_("Data begins on %(day)s: %(some)s of %(all)s days, compared per day", day=day, some=some, all=of))

    @cached_property
    def chart(self) -> Chart:
        plan, step, compared = self.plan, self.plan.granularity, self.plan.compared
        now, before = ([*(self.results[request] for request in plan.timeline_requests), ()])[:2]
        # Each row's line is a filtered report, so no lines are offered if that would take long.
        visits = self.results.summary.figures.visits if self.draws("figures") else None
        has_lines = visits is not None and visits <= MAX_VISITS_FOR_LINES  # None if the figures are sent separately
        return Chart(
            caption=str(figures.FIGURE_LABELS[plan.metric]),
            step=step,
            first=str(timelines.STEP_LABELS[step]),
            rows=timelines.rows(plan.query, now, before, plan.began, plan.metric, step, self.address),
            compared=_beginning_in_words(compared) if compared and before else "",
            metric=plan.metric,
            lines=self.report("timeline", granularity=step) if has_lines else "",
        )

    @property
    def granularities(self) -> list[Choice]:
        return timelines.granularities(self.address, self.plan.query, self.plan.granularity)

    def tabs(self, card: Card) -> list[Choice]:
        others = [tab for tab in self.plan.open_tabs if tab and tab not in card.tabs]
        choices = []
        for tab in self.results.tabs(card):
            names = [*others, tab] if tab != card.tabs[0] else others
            url = str(self.address.having({"tabs": ",".join(names) or None}))
            choices.append(Choice(url, cards.label(tab), tab == self.results.tab(card)))
        return choices

    @property
    def more_lists(self) -> list[Choice]:
        """Links to the lists that no card shows."""
        names = self.results.more_lists if self.draws(MORE_LISTS) else []
        lists = ((name, self.address.having({"by": name, "find": None})) for name in names)
        return [Choice(str(address), cards.label(name)) for name, address in lists]

    @cached_property
    def pages(self) -> Pages:
        plan, values = self.plan, self.results.values(*self.plan.whole_list)
        if plan.find:
            values = values.matching(plan.find).page(plan.offset)
        return breakdowns.pages(values, plan.find, self.address)

    @cached_property
    def versions(self) -> dict[str, str]:
        """A checksum of each rendered part, excluding the numbers in its cells."""
        return numbers.numbers(self.results).versions

    # Links

    @cached_property
    def links(self) -> dict[str, ViewLink]:
        """The links to other features' pages about this view, by name."""
        view = self.address.without((*VIEW_PARAMETERS, "compare"))
        paths = ((name, link, link.path_of(self.plan.base)) for name, link in VIEW_LINKS.items())
        return {name: link._replace(url=str(view.at(path))) for name, link, path in paths if path}

    @property
    def lists(self) -> list[tuple[str, str]]:
        """The name and CSV file of each card's open list."""
        shown = (card for card in self.plan.base.cards if not self.results.is_empty(card))
        open_lists = [self._open_list(card) for card in shown]
        return [(cards.label(dimension), self.csv_of_values(dimension)) for dimension in open_lists]

    def _open_list(self, card: Card) -> str:
        """The dimension of a card's open list; of its open tab if the card is not drawn."""
        is_drawn = self.draws(card.name) and not self.plan.by
        tab = self.results.tab(card) if is_drawn else self.plan.tab(card)
        return self.results.listed(card).dimension if is_drawn and tab != GRID else DIMENSION_OF_TAB.get(tab, tab)

    def csv_of_values(self, dimension: str) -> str:
        """Return the URL of a CSV file with all values."""
        return self.report("breakdown", by=dimension, format="csv")

    def report(self, call: str, **values: str) -> str:
        compare = self.plan.comparison if call == "summary" else None
        address = self.address.without(VIEW_PARAMETERS).at(f"{self.plan.base.reports}/{call}")
        return str(address.having({"compare": compare, **values}))


def _beginning_in_words(query: ReportQuery) -> str:
    """Return the days, and the time when the range begins if it is an hour."""
    days = range_picker.days_in_words(query.first, query.last)
    if query.since_ms is None:
        return days
    return f"{days}, {time_of_day(current().clock.local(query.since_ms // 1000))}"


def view_of(base: ReportContext, pairs: Iterable[tuple[str, str]]) -> tuple[View, dict[str, Any]]:
    """Return the view, and parameter errors by name. If there are errors, the view has no parameters."""
    try:
        return View(base, pairs), {}
    except InvalidInput as error:
        return View(base, ()), error.details or {"": str(error)}
