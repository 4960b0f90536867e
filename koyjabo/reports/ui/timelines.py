"""A figure's chart (its periods, the compared periods, and their notes), and the table of hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

from babel.dates import get_day_names
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.clock import shifted
from koyjabo.reports.engine.results import Hours, Period
from koyjabo.reports.query.ranges import DAY, GRANULARITIES, HOUR, MONTH, WEEK, length
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.ui import figures, ranges
from koyjabo.reports.ui.address import PageAddress
from koyjabo.reports.ui.ranges import Choice
from koyjabo.web.i18n import digits, language

LABELS: dict[str, LazyString] = {HOUR: _("Hour"), DAY: _("Day"), WEEK: _("Week"), MONTH: _("Month")}
DEFAULTS = ((2, HOUR), (100, DAY), (400, WEEK))
"""Default granularities for ranges of at most this many days."""

OFFERED = {HOUR: range(1, 32), DAY: range(2, 801), WEEK: range(15, 4000), MONTH: range(62, 10**6)}
"""The range lengths, in days, that give a legible chart at each granularity."""

Note = tuple[str, str]
"""A day and its note."""


class TimelineRow(NamedTuple):
    period: str
    value: int | None
    so_far: bool
    is_partial: bool  # the range includes only some of its days
    compared: str  # the compared period; "" if there is none
    before: int | None
    change: float | str | None
    url: str  # of the view limited to its days; "" for an hour
    notes: list[str]


class Chart(NamedTuple):
    caption: str
    step: str  # one of GRANULARITIES
    first: str  # the name of its periods
    rows: list[TimelineRow]  # oldest first
    compared: str  # the compared days; "" if there are none
    metric: str = ""
    lines: str = ""  # the URL of the timeline that draws a line per row of a list; "" if there is none

    @property
    def is_running(self) -> bool:
        return bool(self.rows) and self.rows[-1].so_far


def granularity(question: Question) -> str:
    days = length(question)
    return next((name for most, name in DEFAULTS if days <= most), MONTH)


def choices(address: PageAddress, question: Question, chosen: str) -> list[Choice]:
    days = length(question)
    return [
        Choice(str(address.having({"granularity": name})), str(LABELS[name]), name == chosen)
        for name in GRANULARITIES
        if days in OFFERED[name] or name == chosen
    ]


def rows(
    question: Question,
    periods: Sequence[Period],
    before: Iterable[Period],
    began: str,
    name: str,
    step: str,
    address: PageAddress,
    notes: Iterable[Note],
) -> list[TimelineRow]:
    """Return a row for each period of the question, oldest first, compared with the period at the same position in
    `before`. For `began`, see `ViewPlan`.
    """
    return [
        TimelineRow(
            now.period,
            figures.value(now, name),
            now.so_far,
            not now.so_far and _days(now.period, step) != _within_range(now.period, step, question),
            earlier.period if earlier else "",
            past,
            figures.change(figures.value(now, name), past),
            "" if step == HOUR else ranges.of_days(address, *_within_range(now.period, step, question)),
            texts,
        )
        for (now, earlier), texts in zip(pairs(periods, before, began), _noted(periods, notes), strict=True)
        for past in [figures.value(earlier, name) if earlier else None]
    ]


def pairs(periods: Sequence[Period], before: Iterable[Period], began: str) -> list[tuple[Period, Period | None]]:
    """Pair each period with the compared period, or with None if the compared period begins before the data."""
    known = (period if period.period >= began else None for period in before)
    return list(zip_longest(periods, known))[: len(periods)]


def _noted(periods: Sequence[Period], notes: Iterable[Note]) -> list[list[str]]:
    """Return each period's notes. In a chart of hours, a day's notes are at its first hour."""
    days = [period.period[:10] for period in periods]
    starts = [day if at == 0 or day != days[at - 1] else "9999" for at, day in enumerate(days)]
    ends = [next((later for later in days[at + 1 :] if later != day), "9999") for at, day in enumerate(days)]
    return [[text for day, text in notes if first <= day < end] for first, end in zip(starts, ends, strict=True)]


def _days(period: str, step: str) -> tuple[str, str]:
    first = period[:10]
    return first, {WEEK: shifted(first, 6), MONTH: ranges.month_of(first)}.get(step, first)


def _within_range(period: str, step: str, question: Question) -> tuple[str, str]:
    first, last = _days(period, step)
    return max(first, question.first), min(last, question.last)


class HourTable(NamedTuple):
    days: list[str]
    hours: list[str]
    rows: list[list[int]]  # empty if they are not known
    busiest: str  # in words; "" if there are no visits
    reason: str | None


def hour_table(report: Hours) -> HourTable:
    hours = [digits(f"{hour:02}") for hour in range(24)]
    cell, words = busiest(report.rows), ""
    if cell:
        day, hour = cell
        words = gettext("Busiest: %(day)s, %(hour)s", day=_weekdays("wide")[day], hour=digits(f"{hour:02}:00"))
    return HourTable(_weekdays("abbreviated"), hours, report.rows, words, report.reason)


def _weekdays(width: Literal["abbreviated", "wide"]) -> list[str]:
    names = get_day_names(width, context="stand-alone", locale=language())
    return [names[day] for day in range(7)]


def busiest(rows: list[list[int]]) -> tuple[int, int] | None:
    """Return the weekday (from 0) and hour with the most visits, or the first of several with equally many; None if
    there are no visits.
    """
    cells = ((value, -day, -hour) for day, row in enumerate(rows) for hour, value in enumerate(row))
    most, day, hour = max(cells, default=(0, 0, 0))
    return (-day, -hour) if most else None
