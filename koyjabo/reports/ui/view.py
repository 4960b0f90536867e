"""An Insights view: what its URL shows, and its parts. A part is read when a template renders it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import request
from flask_babel import gettext as _
from markupsafe import Markup

from koyjabo.base.core.errors import InvalidInput, StillCounting
from koyjabo.base.network import client_address
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.requests import LedgerRequest, ReportRequest
from koyjabo.reports.engine.results import SnapshotTotals
from koyjabo.reports.query.comparisons import whole_days
from koyjabo.reports.query.ranges import LAST_HOUR
from koyjabo.web.current import current
from koyjabo.web.i18n import count, language, time_of_day
from . import breakdowns, cards, choices, figures, filters, map_dots, numbers, ranges, timelines
from .breakdowns import Pages
from .card import Card
from .filters import Chip
from .map_dots import Dot
from .page_address import Choice, PageAddress
from .ranges import Picker
from .report_context import VIEW_PARAMETERS, ReportContext
from .timelines import Chart
from .view_links import VIEW_LINKS, ViewLink
from .view_plan import ON_MAP, SENDING_PARAMETERS, Results, ViewPlan

MAX_VISITS_AT_ONCE = 200_000
"""Filtered reports on more visits than this take a second or more each, so their parts are sent separately from the
page.
"""

MAX_VISITS_FOR_LINES = 100_000
"""Up to this number of visits, each row offers a line. The limit is needed because the browser requests a line whenever
the pointer rests on a row.
"""


class View(ViewPlan):
    """A view for the current request. Raises InvalidInput for an invalid URL, and LedgerUnavailable when a part is
    read.
    """

    address: PageAddress

    def __init__(self, base: ReportContext, pairs: Iterable[tuple[str, str]]) -> None:
        super().__init__(current(), base, pairs)
        self.language = language()
        network = client_address.limit_key(request.environ) if base.is_public else ""
        self.insights = self.insights.for_reader(base.reader, is_live=bool(self.parts), address=network)
        self.is_running = self.query.last == self.today  # whether the last day is today
        self.days = ranges.days_in_words(self.query.first, self.query.last)
        if self.query.since_ms is not None:
            self.days = str(ranges.PRESETS[LAST_HOUR][0])
        self.address = PageAddress(base.path, self.pairs).without(SENDING_PARAMETERS)

    @cached_property
    def is_counting(self) -> bool:
        """Whether reports cannot be computed yet."""
        try:
            return self.results is None
        except StillCounting:
            return True

    # The query

    @cached_property
    def range(self) -> Picker:
        return ranges.picker(self.address, self.query, self.today, self.base.range)

    @property
    def comparisons(self) -> list[Choice]:
        return choices.comparisons(self.address, self.comparison)

    @property
    def switches(self) -> list[Choice]:
        return [] if self.base.is_public else choices.switches(self.address, self.base.filters)

    @cached_property
    def chips(self) -> list[Chip]:
        return filters.chips(self.parameters.query.filters, self.address, self.insights.label)

    # The snapshot of all parts

    @property
    def totals(self) -> SnapshotTotals:
        totals: SnapshotTotals = self._known[self.totals_request]
        return totals

    @cached_property
    def extra(self) -> Any:
        """The page's other data, from the same snapshot; None if only parts are requested."""
        return self._known[self._extra] if self._extra else None

    @property
    def reason(self) -> str | None:
        """Why the figures are not exact; None if they are, or are sent separately."""
        return self.summary.reason if self.draws("figures") else None

    # The parts

    @property
    def words(self) -> str | Markup:
        """The days, and the days they are compared with."""
        days, compared = self.days, self.summary.compared if self.draws("figures") else None
        if compared is None:
            return days
        until = self.summary.until
        before = Markup(ranges.days_in_words(compared.start, compared.end))
        if until:
            before += Markup(', <span data-cell="until" data-as="time">{}</span>').format(time_of_day(until))
        return Markup(_("%(days)s, compared with %(before)s")) % {"days": days, "before": before}

    @property
    def data_begins(self) -> str:
        """A text about the compared days that have data; "" if all of them do."""
        if not (self.began and self.compared and self.before and self.draws("figures")):
            return ""
        some, of = count(whole_days(self.compared)), count(whole_days(self.before))
        day = ranges.days_in_words(self.began, self.began)
        return str(_("Data begins on %(day)s: %(some)s of %(all)s days, compared per day", day=day, some=some, all=of))

    @cached_property
    def chart(self) -> Chart:
        step, compared = self.granularity, self.compared
        now, before = ([*(self.results[request] for request in self.timeline_requests), ()])[:2]
        # Each row's line is a filtered report, so no lines are offered if that would take long.
        visits = self.summary.figures.visits if self.draws("figures") else None
        has_lines = visits is not None and visits <= MAX_VISITS_FOR_LINES  # None if the figures are sent separately
        return Chart(
            caption=str(figures.FIGURE_LABELS[self.metric]),
            step=step,
            first=str(timelines.STEP_LABELS[step]),
            rows=timelines.rows(self.query, now, before, self.began, self.metric, step, self.address),
            compared=_beginning_in_words(compared) if compared and before else "",
            metric=self.metric,
            lines=self.report("timeline", granularity=step) if has_lines else "",
        )

    @property
    def granularities(self) -> list[Choice]:
        return timelines.granularities(self.address, self.query, self.granularity)

    def tabs(self, card: Card) -> list[Choice]:
        others = [tab for tab in self.open_tabs if tab and tab not in card.tabs]
        choices = []
        for tab in card.tabs:
            names = [*others, tab] if tab != card.tabs[0] else others
            url = str(self.address.having({"tabs": ",".join(names) or None}))
            choices.append(Choice(url, cards.label(tab), tab == self.tab(card)))
        return choices

    @property
    def dots(self) -> list[Dot]:
        return map_dots.dots(self.values(*ON_MAP))

    @cached_property
    def pages(self) -> Pages:
        values = self.values(*self.whole_list)
        if self.find:
            values = values.matching(self.find).page(self.offset)
        return breakdowns.pages(values, self.find, self.address)

    @cached_property
    def versions(self) -> dict[str, str]:
        """A checksum of each rendered part, excluding the numbers in its cells."""
        return numbers.numbers(self).versions

    # The data for all parts, read at once

    def requests(self) -> Iterator[ReportRequest]:
        """Yield the requests for the parts that templates render, and for the page's other data."""
        yield from super().requests()
        if self._extra:
            yield self._extra

    @cached_property
    def _known(self) -> Results:
        """The values that are known even while visits are being counted for reports."""
        if not self.is_counting:
            return self.results
        return self.read([request for request in (self.totals_request, self._extra) if request])

    def draws(self, part: str) -> bool:
        return part in self.parts if self.parts else not self.is_apart

    @cached_property
    def _extra(self) -> LedgerRequest | None:
        read = None if self.parts else self.base.extra
        return LedgerRequest(replace(self.query, filters={}), read) if read else None

    # Links

    @cached_property
    def links(self) -> dict[str, ViewLink]:
        """The links to other features' pages about this view, by name."""
        view = self.address.without((*VIEW_PARAMETERS, "compare"))
        paths = ((name, link, link.path_of(self.base)) for name, link in VIEW_LINKS.items())
        return {name: link._replace(url=str(view.at(path))) for name, link, path in paths if path}

    @property
    def lists(self) -> list[tuple[str, str]]:
        """The name and CSV file of each card's open list."""
        open_tabs = [cards.listed_by(self.tab(card)) for card in self.base.cards]
        return [(cards.label(dimension), self.csv_of_values(dimension)) for dimension in open_tabs]

    def csv_of_values(self, dimension: str) -> str:
        """Return the URL of a CSV file with all values."""
        return self.report("breakdown", by=dimension, format="csv")

    def report(self, call: str, **values: str) -> str:
        compare = self.comparison if call == "summary" else None
        address = self.address.without(VIEW_PARAMETERS).at(f"{self.base.reports}/{call}")
        return str(address.having({"compare": compare, **values}))

    # How the page is sent

    @cached_property
    def is_apart(self) -> bool:
        """Whether the parts are sent separately from the page, because they take a long time."""
        if self.parts or self.other("whole") or not self.query.filters:
            return False
        return self.insights.summary(replace(self.query, filters={})).figures.visits > MAX_VISITS_AT_ONCE


def _beginning_in_words(query: ReportQuery) -> str:
    """Return the days, and the time when the range begins if it is an hour."""
    days = ranges.days_in_words(query.first, query.last)
    if query.since_ms is None:
        return days
    return f"{days}, {time_of_day(current().clock.local(query.since_ms // 1000))}"


def view_of(base: ReportContext, pairs: Iterable[tuple[str, str]]) -> tuple[View, dict[str, Any]]:
    """Return the view, and parameter errors by name. If there are errors, the view has no parameters."""
    try:
        return View(base, pairs), {}
    except InvalidInput as error:
        return View(base, ()), error.details or {"": str(error)}
