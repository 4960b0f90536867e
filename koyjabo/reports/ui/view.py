"""One view of Insights: what its address asks, and its parts, each read when a template draws it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from flask_babel import gettext as _

from koyjabo.core.errors import InvalidInput, StillCounting
from koyjabo.core.i18n import N_
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.answers import MOST_ROWS, MomentTotals, Summary
from koyjabo.reports.engine.requests import (
    BreakdownRequest,
    HoursRequest,
    LedgerRequest,
    ReportRequest,
    SummaryRequest,
    TimelineRequest,
)
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.parameters import NOT_A_DIMENSION, is_dimension
from koyjabo.reports.query.periods import GRANULARITIES, NOT_A_GRANULARITY, possible
from koyjabo.reports.query.ranges import NO_COMPARISON
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui import breakdowns, cards, comparisons, figures, filters, maps, ranges, timelines
from koyjabo.reports.ui.address import PageAddress, Pairs
from koyjabo.reports.ui.base import SHOWN, Links, Placement
from koyjabo.reports.ui.breakdowns import Pages, Values
from koyjabo.reports.ui.cards import Card
from koyjabo.reports.ui.figures import Figure
from koyjabo.reports.ui.filters import Chip
from koyjabo.reports.ui.maps import Dot, Shape
from koyjabo.reports.ui.ranges import Choice, Picker
from koyjabo.reports.ui.timelines import Chart, HourTable, hour_table
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language, time_of_day


def totals(snapshot: Snapshot, question: Question) -> MomentTotals:
    return MomentTotals(*ledger_queries.totals(snapshot.session, question.scope, question.last), snapshot.at_ms)


SENT = ("part", "whole", comparisons.KEEP)
"""Parameters of how a page is sent: these parts alone, or all of them, however long they take, and with a cookie."""

ON_MAPS = {cards.WORLD: ("country", maps.SHAPES), cards.BANGLADESH: ("city", MOST_ROWS)}
"""What a map shows: a dimension, and of how many values."""

MANY = 200_000
"""Filtered answers about more visits take a second or more each; their parts are sent apart from the page."""

FEW = 100_000
"""The line of a row is offered for at most this number of visits: it is asked for whenever the pointer rests there."""


class View(Links):
    """Raises InvalidInput for an address that is not valid, and LedgerUnavailable when a part is read."""

    def __init__(self, base: Placement, pairs: Iterable[tuple[str, str]]) -> None:
        self.base = base
        services = current()[ReportServices]
        self._insights = services.shared_reports if base.is_shared else services.reports
        self.today = current().clock.today()
        self._asked = self._insights.asked(_with_comparison(pairs, base), base.scope, (*SHOWN, *SENT), base.range)
        self.question = self._asked.question.within(base.filters)
        self.address = PageAddress(base.path, self._address()).without(SENT)
        self._check()
        if self.wanted:
            self._insights = services.open_shares if base.is_shared else services.open_pages

    @cached_property
    def is_counting(self) -> bool:
        """Whether reports cannot be answered yet."""
        try:
            return self._answers is None
        except StillCounting:
            return True

    # The question

    @cached_property
    def range(self) -> Picker:
        return ranges.picker(self.address, self.question, self.today, self.base.range)

    @property
    def comparisons(self) -> list[Choice]:
        return comparisons.choices(self.address, self._asked.compare or NO_COMPARISON, not self.base.is_shared)

    @cached_property
    def chips(self) -> list[Chip]:
        return filters.chips(self._asked.question, self.address, self._insights.label)

    @property
    def without_filters(self) -> str:
        return filters.without_filters(self._asked.question, self.address)

    @cached_property
    def compared(self) -> Question | None:
        """None without a comparison, and if the site was not counting on any of its days."""
        if not self._asked.compare:
            return None
        other = self._insights.compared(self.question, self._asked.compare)
        began = self._insights.first_day(self.base.scope)
        return other if began and began <= other.last else None

    # The moment of which all parts are

    @cached_property
    def totals(self) -> MomentTotals:
        found: MomentTotals = self._known[self._totals]
        return found

    @cached_property
    def beside(self) -> Any:
        """What the page shows of the same moment beside its parts; None in an answer with parts alone."""
        return self._known[self._beside] if self._beside else None

    @property
    def upto(self) -> int | None:
        """The number of the newest visit in the scope; None for readers of a share link with filters."""
        return None if self.base.is_shared and self.base.filters else self.totals.total

    @property
    def moment(self) -> int:
        """Tells parts of one moment from those of another."""
        return self.totals.at_ms if self.upto is None else self.upto

    @property
    def reason(self) -> str | None:
        """Why the figures are not exact; None if they are, or are sent apart."""
        return self.summary.reason if self._draws("figures") else None

    # Its parts

    @cached_property
    def summary(self) -> Summary:
        summary: Summary = self._answers[self._summary]
        return summary

    @cached_property
    def figures(self) -> list[Figure]:
        return figures.figures(self.summary, self.address, self._metric, bool(self.question.filters))

    @property
    def days(self) -> str:
        return ranges.words(self.question.first, self.question.last)

    @property
    def words(self) -> str:
        """The days, and those compared with."""
        days, compared = self.days, self.summary.compared if self._draws("figures") else None
        if compared is None:
            return days
        until = self.summary.until
        before = ranges.words(compared.start, compared.end) + (f", {time_of_day(until)}" if until else "")
        return str(_("%(days)s, compared with %(before)s", days=days, before=before))

    @property
    def is_running(self) -> bool:
        """Whether the last of the days is today."""
        return self.question.last == self.today

    @property
    def numbers(self) -> dict[str, int]:
        """The figures that are known, and those beside them, for scripts."""
        known = {each.name: each.value for each in self.figures} | {"upto": self.upto}
        if self.base.has_totals:
            total, today, unique_visitors, _ = self.totals
            known |= {"totalVisits": total, "todayVisits": today, "uniqueVisitors": unique_visitors}
        return {name: number for name, number in known.items() if number is not None}

    @cached_property
    def chart(self) -> Chart:
        step, (now, *others) = self._granularity, [self._answers[each] for each in self._timelines]
        before = others[0] if others else ()
        notes = list(self.base.notes(self.question.first, self.question.last))
        rows = timelines.rows(self.question, now, before, self._metric, step, self.address, notes)
        label = str(figures.LABELS[self._metric])
        days = ranges.words(self.compared.first, self.compared.last) if self.compared and before else ""
        return Chart(label, step, str(timelines.LABELS[step]), rows, days, self._metric, self._lines_of_rows)

    @property
    def _lines_of_rows(self) -> str:
        """Each of them is a filtered report, so there are none where that takes long."""
        visits = self.summary.figures.visits if self._draws("figures") else None
        return self.report("timeline", granularity=self._granularity) if visits is not None and visits <= FEW else ""

    @property
    def annotate(self) -> str:
        """The address of the page on which notes are added, and which leads back; "" if there is none."""
        if not self.base.annotate:
            return ""
        back = str(self.address)
        return str(PageAddress(self.base.annotate, (("day", self.question.last), ("next", back))))

    @property
    def granularities(self) -> list[Choice]:
        return timelines.choices(self.address, self.question, self._granularity)

    def tabs(self, card: Card) -> list[Choice]:
        others = [each for each in self._tabs if each and each not in card.tabs]
        choices = []
        for tab in card.tabs:
            names = [*others, tab] if tab != card.tabs[0] else others
            url = str(self.address.having({"tabs": ",".join(names) or None}))
            choices.append(Choice(url, cards.label(tab), tab == self.tab(card)))
        return choices

    def tab(self, card: Card) -> str:
        """The open one."""
        return next((each for each in self._tabs if each in card.tabs), card.tabs[0])

    def values(self, dimension: str, limit: int = breakdowns.IN_A_CARD, offset: int = 0) -> Values:
        breakdown, *before = (self._answers[each] for each in self._breakdowns(dimension, limit, offset))
        return breakdowns.values(breakdown, next(iter(before), None), self.question, dimension, self._lists, offset)

    def values_of(self, tab: str) -> Values:
        """The list of a card; below a map that of its places."""
        return self.values(cards.MAPS.get(tab, tab))

    @property
    def shapes(self) -> list[Shape]:
        return maps.shapes(self.values(*ON_MAPS[cards.WORLD]))

    @property
    def dots(self) -> list[Dot]:
        return maps.dots(self.values(*ON_MAPS[cards.BANGLADESH]))

    @property
    def by(self) -> str:
        """The dimension whose whole list is shown; "" for the cards."""
        return self._other("by")

    @cached_property
    def pages(self) -> Pages:
        values = self.values(*self._list)
        if self._find:
            values = values.found(self._find).page(self._offset)
        return breakdowns.pages(values, self._find, self.address)

    @cached_property
    def hours(self) -> HourTable:
        return hour_table(self._answers[HoursRequest(self.question)])

    def csv_of_chart(self) -> str:
        return self.csv("timeline", granularity=self._granularity)

    # What is read for them, at once

    @cached_property
    def _answers(self) -> dict[ReportRequest, Any]:
        return self._read(list(dict.fromkeys(self._requests())))

    @cached_property
    def _known(self) -> dict[ReportRequest, Any]:
        """What is known even while visits are counted for reports."""
        return (
            self._read([each for each in (self._totals, self._beside) if each]) if self.is_counting else self._answers
        )

    def _read(self, requests: list[ReportRequest]) -> dict[ReportRequest, Any]:
        return dict(zip(requests, self._insights.read(requests, language()), strict=True))

    def _requests(self) -> Iterator[ReportRequest]:
        """Those of the parts that templates draw."""
        yield self._totals
        if self._beside is not None:
            yield self._beside
        if self._draws("figures"):
            yield self._summary
        if self._draws("chart"):
            yield from self._timelines
        if self.by:
            yield from self._breakdowns(*self._list) if self._draws("list") else ()
            return
        for tab in (self.tab(card) for card in self.base.cards if self._draws(card.name)):
            yield from self._breakdowns(cards.MAPS.get(tab, tab))
            yield from self._breakdowns(*ON_MAPS[tab]) if tab in ON_MAPS else ()
        if self.base.has_hours and self._draws("hours"):
            yield HoursRequest(self.question)

    def _address(self) -> Pairs:
        """That of a page of the panel has its comparison always: another reader has chosen another one."""
        pairs = tuple(self._asked.pairs())
        is_said = self._asked.compare or self.base.is_shared
        return pairs if is_said else (*pairs, ("compare", NO_COMPARISON))

    def _draws(self, part: str) -> bool:
        return part in self.wanted if self.wanted else not self.is_apart

    @property
    def _totals(self) -> LedgerRequest:
        return LedgerRequest(Question(self.today, self.today, self.base.scope), totals)

    @cached_property
    def _beside(self) -> LedgerRequest | None:
        read = None if self.wanted else self.base.beside
        return LedgerRequest(replace(self.question, filters={}), read) if read else None

    @property
    def _summary(self) -> SummaryRequest:
        return SummaryRequest(self.question, self.compared)

    @property
    def _timelines(self) -> list[TimelineRequest]:
        """Of the question, and of the one that it is compared with."""
        return [TimelineRequest(each, self._granularity) for each in (self.question, self.compared) if each]

    def _breakdowns(self, dimension: str, limit: int = breakdowns.IN_A_CARD, offset: int = 0) -> list[BreakdownRequest]:
        """The same of a breakdown; of the compared days all values."""
        requests = [BreakdownRequest(self.question, dimension, limit, offset)]
        return [*requests, BreakdownRequest(self.compared, dimension, MOST_ROWS)] if self.compared else requests

    @property
    def _list(self) -> tuple[str, int, int]:
        """Of the whole list: dimension, limit and offset. A search is in as many values as one answer can have."""
        return (self.by, MOST_ROWS, 0) if self._find else (self.by, breakdowns.IN_A_LIST, self._offset)

    # How it is sent

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The names of the parts that are asked for; empty: all."""
        return frozenset(filter(None, self._other("part").split(",")))

    @cached_property
    def is_apart(self) -> bool:
        """Whether the parts are sent apart from the page, because they take long."""
        if self.wanted or self._other("whole") or not self.question.filters:
            return False
        visits = self._insights.summary(replace(self.question, filters={})).figures.visits
        return visits is None or visits > MANY

    def _check(self) -> None:
        problems: dict[str, Any] = {}
        if self._other("granularity") not in ("", *GRANULARITIES):
            problems["granularity"] = NOT_A_GRANULARITY
        if self.by and not is_dimension(self.by):
            problems["by"] = NOT_A_DIMENSION
        if not re.fullmatch(r"[0-9]{0,6}", self._other("offset")):
            problems["offset"] = N_("must be a number")
        if problems:
            raise InvalidInput(details=problems)

    @property
    def _metric(self) -> str:
        metric = self._other("metric")
        return metric if metric in figures.CHARTED else figures.CHARTED[0]

    @property
    def _granularity(self) -> str:
        """The requested one; for very many days the next longer one."""
        return possible(self.question, self._other("granularity") or timelines.granularity(self.question))

    @property
    def _find(self) -> str:
        return self._other("find").strip()

    @property
    def _offset(self) -> int:
        return int(self._other("offset") or 0)

    @property
    def _tabs(self) -> list[str]:
        return self._other("tabs").split(",")

    def _other(self, name: str) -> str:
        return self._asked.others.get(name, "")


def _with_comparison(pairs: Iterable[tuple[str, str]], base: Placement) -> list[tuple[str, str]]:
    given = list(pairs)
    return given if any(name == "compare" for name, _ in given) else [*given, ("compare", base.compare)]


def view_of(base: Placement, pairs: Iterable[tuple[str, str]]) -> tuple[View, dict[str, Any]]:
    """The view, and the errors of the parameters by name; after errors it is the view without parameters."""
    try:
        return View(base, pairs), {}
    except InvalidInput as error:
        return View(base, ()), error.details or {"": str(error)}
