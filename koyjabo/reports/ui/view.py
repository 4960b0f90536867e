"""An Insights view: what its URL shows, and its parts. A part is read when a template renders it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask import request
from flask_babel import gettext as _
from markupsafe import Markup

from koyjabo.base.core.errors import InvalidInput, StillCounting
from koyjabo.base.network import client_address
from koyjabo.reports.engine.requests import LedgerRequest, ReportRequest
from koyjabo.reports.engine.results import MAX_ROWS, Breakdown, SnapshotTotals, Summary
from koyjabo.reports.query.report_query import NO_COMPARISON, whole_days
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui import breakdowns, choices, figures, live_views, ranges
from koyjabo.reports.ui.breakdowns import Card, Dot, Pages, Values
from koyjabo.reports.ui.choices import SHOWN, Chip, ReportContext
from koyjabo.reports.ui.figures import Chart, Figure, HourTable, hour_table
from koyjabo.reports.ui.ranges import Choice, PageAddress, Picker
from koyjabo.reports.ui.view_plan import ON_MAPS, SENT, ViewPlan
from koyjabo.web.current import current
from koyjabo.web.i18n import count, language, time_of_day

MANY = 200_000
"""Filtered reports on more visits than this take a second or more each, so their parts are sent separately from the
page.
"""

FEW = 100_000
"""Up to this number of visits, each row offers a line. The limit is needed because the browser requests a line whenever
the pointer rests on a row.
"""


class View:
    """A view. Raises InvalidInput for an invalid URL, and LedgerUnavailable when a part is read."""

    def __init__(self, base: ReportContext, pairs: Iterable[tuple[str, str]]) -> None:
        self.base = base
        services = current()[ReportServices]
        reports = services.shared_reports if base.is_shared else services.reports
        address = client_address.limit_key(request.environ) if base.is_shared else ""
        self._insights = reports.for_reader(base.reader, address=address)
        self.today = current().clock.today()
        self.plan = ViewPlan(base, pairs, self._insights, self.today)
        self.question, self.by, self.parts = self.plan.question, self.plan.by, self.plan.parts
        self.is_running = self.question.last == self.today  # whether the last day is today
        self.days = ranges.days_in_words(self.question.first, self.question.last)
        self.address = PageAddress(base.path, self.plan.pairs).without(SENT)
        if self.parts:
            self._insights = reports.for_reader(base.reader, is_live=True, address=address)

    @cached_property
    def is_counting(self) -> bool:
        """Whether reports cannot be computed yet."""
        try:
            return self._results is None
        except StillCounting:
            return True

    # The question

    @cached_property
    def range(self) -> Picker:
        return ranges.picker(self.address, self.question, self.today, self.base.range)

    @property
    def comparisons(self) -> list[Choice]:
        chosen = self.plan.parameters.compare or NO_COMPARISON
        return choices.comparisons(self.address, chosen, not self.base.is_shared)

    @property
    def switches(self) -> list[Choice]:
        return choices.switches(self.address, self.base.filters, not self.base.is_shared)

    @cached_property
    def chips(self) -> list[Chip]:
        return choices.chips(self.plan.parameters.question.filters, self.address, self._insights.label)

    # The snapshot of all parts

    @cached_property
    def totals(self) -> SnapshotTotals:
        totals: SnapshotTotals = self._known[self.plan.totals_request]
        return totals

    @property
    def moment(self) -> int:
        """A number that orders the view's states by time."""
        return self.plan.moment(self.totals)

    @property
    def upto(self) -> int | None:
        """The latest visit number that the view contains; None if its reader may not know it."""
        return self.plan.upto(self.totals)

    @cached_property
    def extra(self) -> Any:
        """The page's other data, from the same snapshot; None if only parts are requested."""
        return self._known[self._extra] if self._extra else None

    @property
    def reason(self) -> str | None:
        """Why the figures are not exact; None if they are, or are sent separately."""
        return self.summary.reason if self._draws("figures") else None

    # The parts

    @cached_property
    def summary(self) -> Summary:
        summary: Summary = self._results[self.plan.summary_request]
        return summary

    @cached_property
    def figures(self) -> list[Figure]:
        plan, is_filtered = self.plan, bool(self.question.filters)
        return figures.figures(self.summary, self.lengths, self.address, plan.metric, is_filtered, plan.per_day)

    @property
    def lengths(self) -> Breakdown:
        """Visits by their attended time."""
        lengths: Breakdown = self._results[self.plan.lengths_request]
        return lengths

    @property
    def measured(self) -> int | None:
        """The number of measured visits; None if it is not known."""
        return figures.measured(self.lengths)

    @property
    def words(self) -> str | Markup:
        """The days, and the days they are compared with."""
        days, compared = self.days, self.summary.compared if self._draws("figures") else None
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
        plan = self.plan
        if not (plan.began and plan.compared and plan.before and self._draws("figures")):
            return ""
        some, of = count(whole_days(plan.compared)), count(whole_days(plan.before))
        day = ranges.days_in_words(plan.began, plan.began)
        return str(_("Data begins on %(day)s: %(some)s of %(all)s days, compared per day", day=day, some=some, all=of))

    @cached_property
    def chart(self) -> Chart:
        plan, step = self.plan, self.plan.granularity
        now, before = ([*(self._results[request] for request in plan.timeline_requests), ()])[:2]
        notes = list(self.base.notes(self.question.first, self.question.last))
        rows = figures.rows(self.question, now, before, plan.began, plan.metric, step, self.address, notes)
        label, compared = str(figures.LABELS[plan.metric]), plan.compared
        days = ranges.days_in_words(compared.first, compared.last) if compared and before else ""
        return Chart(label, step, str(figures.STEP_LABELS[step]), rows, days, plan.metric, self._lines_of_rows)

    @property
    def _lines_of_rows(self) -> str:
        """The URL for the rows' lines. Each line is a filtered report, so no lines are offered if that would
        take long.
        """
        visits = self.summary.figures.visits if self._draws("figures") else None
        is_quick = visits is not None and visits <= FEW
        return self.report("timeline", granularity=self.plan.granularity) if is_quick else ""

    @property
    def annotate(self) -> str:
        """The URL of the page where notes are added, with a link back; "" if there is none."""
        if not self.base.annotate:
            return ""
        back = str(self.address)
        return str(PageAddress(self.base.annotate, (("day", self.question.last), ("next", back))))

    @property
    def granularities(self) -> list[Choice]:
        return figures.granularities(self.address, self.question, self.plan.granularity)

    def tabs(self, card: Card) -> list[Choice]:
        others = [tab for tab in self.plan.tabs if tab and tab not in card.tabs]
        choices = []
        for tab in card.tabs:
            names = [*others, tab] if tab != card.tabs[0] else others
            url = str(self.address.having({"tabs": ",".join(names) or None}))
            choices.append(Choice(url, breakdowns.label(tab), tab == self.plan.tab(card)))
        return choices

    def values(self, dimension: str, limit: int = breakdowns.IN_A_CARD, offset: int = 0) -> Values:
        return live_views.values(self.plan, self._results, self.address, dimension, limit, offset)

    @property
    def dots(self) -> list[Dot]:
        return breakdowns.dots(self.values(*ON_MAPS[breakdowns.BANGLADESH]))

    @cached_property
    def pages(self) -> Pages:
        values = self.values(*self.plan.whole_list)
        if self.plan.find:
            values = values.matching(self.plan.find).page(self.plan.offset)
        return breakdowns.pages(values, self.plan.find, self.address)

    @cached_property
    def hours(self) -> HourTable:
        return hour_table(self._results[self.plan.hours_request])

    @cached_property
    def versions(self) -> dict[str, str]:
        """A checksum of each rendered part, excluding the numbers in its cells."""
        return live_views.numbers(self.plan, self._results, self._draws).versions

    # The data for all parts, read at once

    @cached_property
    def _results(self) -> dict[ReportRequest, Any]:
        """The results for the parts that templates render, and for the page's other data."""
        requests = [*self.plan.requests(self._draws), *([self._extra] if self._extra else [])]
        return self._read(list(dict.fromkeys(requests)))

    @cached_property
    def _known(self) -> dict[ReportRequest, Any]:
        """The values that are known even while visits are being counted for reports."""
        if not self.is_counting:
            return self._results
        return self._read([request for request in (self.plan.totals_request, self._extra) if request])

    def _read(self, requests: list[ReportRequest]) -> dict[ReportRequest, Any]:
        return dict(zip(requests, self._insights.read(requests, language()), strict=True))

    def _draws(self, part: str) -> bool:
        return part in self.parts if self.parts else not self.is_apart

    @cached_property
    def _extra(self) -> LedgerRequest | None:
        read = None if self.parts else self.base.extra
        return LedgerRequest(replace(self.question, filters={}), read) if read else None

    # Links

    @property
    def shared(self) -> str:
        return str(self.address.without((*SHOWN, "compare")).at(self.base.share))

    def csv_of_values(self, dimension: str) -> str:
        """Return the URL of a CSV file with all values that one report can have."""
        return self.report("breakdown", by=dimension, limit=str(MAX_ROWS), format="csv")

    def report(self, call: str, **values: str) -> str:
        unknown = SHOWN if call == "summary" else (*SHOWN, "compare")
        return str(self.address.without(unknown).at(f"{self.base.reports}/{call}").having(values))

    # How the page is sent

    @cached_property
    def is_apart(self) -> bool:
        """Whether the parts are sent separately from the page, because they take a long time."""
        if self.parts or self.plan.other("whole") or not self.question.filters:
            return False
        visits = self._insights.summary(replace(self.question, filters={})).figures.visits
        return visits is None or visits > MANY


def view_of(base: ReportContext, pairs: Iterable[tuple[str, str]]) -> tuple[View, dict[str, Any]]:
    """Return the view, and parameter errors by name. If there are errors, the view has no parameters."""
    try:
        return View(base, pairs), {}
    except InvalidInput as error:
        return View(base, ()), error.details or {"": str(error)}
