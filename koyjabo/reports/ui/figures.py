"""A range's figures, each with its change, and the chart of the selected one, with the compared periods."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.i18n import N_
from koyjabo.columns.query.periods import DAY, GRANULARITIES, HOUR, MINUTE, MONTH, WEEK
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.results import Figures, Period, Summary
from koyjabo.reports.query.report_query import length
from . import ranges
from .ranges import Choice, PageAddress

LABELS: dict[str, LazyString] = {
    "visits": _("Visits"),
    "visitors": _("Unique visitors"),
    "new_visitors": _("New visitors"),
    "returning_visitors": _("Returning visitors"),
    "page_views": _("Page views"),
    "peak_active": _("Most at once"),
    "attended": _("Attended"),
    "median_s": _("Median time"),
}
SHORT: dict[str, LazyString] = {
    "visitors": _("Unique"),
    "new_visitors": _("New"),
    "returning_visitors": _("Returning"),
    "page_views": _("Views"),
    "peak_active": _("At once"),
    "median_s": _("Median"),
}
"""Short names for narrow screens."""

CHARTED = ("visits", "visitors", "new_visitors", "returning_visitors", "page_views", "attended")
"""The figures available in timelines."""

NOT_SUMS = ("peak_active", "median_s")
"""Figures that do not grow with the number of days."""

DISTINCT = ("visitors", "returning_visitors")
"""Figures that grow with the number of days, but not in proportion, so ranges of different lengths cannot be
compared.
"""

IN_MENU = NOT_SUMS
"""Figures that are listed in the chart's menu."""

NEW = "new"

UNEVEN = N_("Not comparable by day")
UNMEASURED = N_("Nothing was measured in this range")
UNMEASURED_DAYS, UNMEASURED_WITH_FILTERS = N_("Not measured on these days"), N_("Not measured with filters")

MAX_PERCENT = 999
"""Figures show no larger growth in percent, only the number before."""

PRECISE = 10
"""Percentages below this are shown with one decimal."""


class Figure(NamedTuple):
    name: str
    value: int | None
    before: int | None
    change: float | str | None
    url: str  # of the view with its chart; "" if there is none
    is_chosen: bool
    reason: str  # why there is no value or no comparison
    is_per_day: bool  # the change is per day, because some of the compared days have no data
    share: float | None  # in percent: `attended` of the measured visits, returning visitors of all visitors

    @property
    def label(self) -> str:
        return str(LABELS[self.name])

    @property
    def short(self) -> str:
        """The name for narrow screens; "" if the label is short enough."""
        return str(SHORT.get(self.name, ""))

    @property
    def is_apart(self) -> bool:
        """Whether it is not among the boxes."""
        return self.name in (*IN_MENU, "returning_visitors")

    @property
    def cell(self) -> str:
        return f"menu.{self.name}" if self.name in IN_MENU else f"figures.{self.name}"

    @property
    def numbers(self) -> list[int | float | str | None]:
        """The contents of its cell, without a comparison."""
        if self.name == "returning_visitors":
            return [self.share]
        return [self.value, self.share] if self.name == "attended" else [self.value]


def figures(
    summary: Summary, address: PageAddress | None, chosen: str, is_filtered: bool, per_day: float
) -> list[Figure]:
    """Return the figures, with links based on `address`. For `per_day`, see `ViewPlan`."""
    of, now, before = summary.measured, summary.figures, summary.compared
    shown = []
    for name in LABELS:
        value, past = _value(now, name), _value(before, name) if before else None
        whole = of if name == "attended" else None
        if name == "returning_visitors" and not is_filtered:  # with a filter, "new" would mean something else
            whole = now.visitors
        reason, changed = "", change(value, past, 1.0 if name in NOT_SUMS else per_day)
        if value is None and name == "peak_active":
            reason = UNMEASURED_WITH_FILTERS if is_filtered else UNMEASURED_DAYS
        elif value is None:
            reason = UNMEASURED
        elif past is not None and per_day != 1 and name in DISTINCT:
            reason, changed = UNEVEN, None
        shown.append(
            Figure(
                name=name,
                value=value,
                before=past,
                change=None if isinstance(changed, float) and changed > MAX_PERCENT else changed,
                url=str(address.having({"metric": name})) if address and name in CHARTED else "",
                is_chosen=name == chosen,
                reason=reason,
                is_per_day=per_day != 1 and name not in NOT_SUMS,
                share=round(100 * value / whole, 1 if name == "attended" else None)
                if whole and value is not None
                else None,
            )
        )
    return shown


def _value(figures: Figures, name: str) -> int | None:
    """Return a figure; None if nothing was measured."""
    if name == "attended" and figures.median_s is None:  # 0 would mean that no visit was attended
        return None
    number: int | None = getattr(figures, name)
    return number


def value(period: Period, name: str) -> int:
    """Return a figure of one period of a timeline."""
    if name == "returning_visitors":
        return period.visitors - period.new_visitors
    figure: int = getattr(period, name)
    return figure


def change(now: int | None, before: int | None, per_day: float = 1.0) -> float | str | None:
    """Return the change in percent for the macro `ui.change`, NEW if the number was 0 before, or None if either number
    is unknown.
    """
    if now is None or before is None:
        return None
    if before == 0:
        return NEW if now else 0.0
    percent = 100 * (now / (before * per_day) - 1)
    return round(percent, 0 if abs(percent) >= PRECISE else 1)


STEP_LABELS: dict[str, LazyString] = {
    MINUTE: _("Minute"),
    HOUR: _("Hour"),
    DAY: _("Day"),
    WEEK: _("Week"),
    MONTH: _("Month"),
}
DEFAULTS = ((2, HOUR), (100, DAY), (400, WEEK))
"""Default granularities for ranges of at most this many days."""

OFFERED = {MINUTE: range(0), HOUR: range(1, 32), DAY: range(2, 801), WEEK: range(15, 4000), MONTH: range(62, 10**6)}
"""The range lengths, in days, that give a legible chart at each granularity."""


class TimelineRow(NamedTuple):
    period: str
    value: int | None
    so_far: bool
    is_partial: bool  # the range includes only some of its days
    compared: str  # the compared period; "" if there is none
    before: int | None
    change: float | str | None
    url: str  # of the view limited to its days; "" for a minute or an hour


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


def granularity(query: ReportQuery) -> str:
    days = length(query)
    if query.since_ms is not None:
        return MINUTE
    return next((name for most, name in DEFAULTS if days <= most), MONTH)


def granularities(address: PageAddress, query: ReportQuery, chosen: str) -> list[Choice]:
    """Return the tabs of the chart."""
    days = 0 if query.since_ms is not None else length(query)
    return [
        Choice(str(address.having({"granularity": name})), str(STEP_LABELS[name]), name == chosen)
        for name in GRANULARITIES
        if days in OFFERED[name] or name == chosen
    ]


def rows(
    query: ReportQuery,
    periods: Sequence[Period],
    before: Iterable[Period],
    began: str,
    name: str,
    step: str,
    address: PageAddress,
) -> list[TimelineRow]:
    """Return a row for each period of the query, oldest first, compared with the period at the same position in
    `before`. For `began`, see `ViewPlan`.
    """
    shown = []
    for now, earlier in pairs(periods, before, began):
        first = now.period[:10]
        last = {WEEK: shifted(first, 6), MONTH: ranges.month_of(first)}.get(step, first)
        days = max(first, query.first), min(last, query.last)
        number, past = value(now, name), value(earlier, name) if earlier else None
        row = TimelineRow(
            period=now.period,
            value=number,
            so_far=now.so_far,
            is_partial=not now.so_far and days != (first, last),
            compared=earlier.period if earlier else "",
            before=past,
            change=change(number, past),
            url="" if step in (MINUTE, HOUR) else ranges.of_days(address, *days),
        )
        shown.append(row)
    return shown


def pairs(periods: Sequence[Period], before: Iterable[Period], began: str) -> list[tuple[Period, Period | None]]:
    """Pair each period with the compared period, or with None if the compared period begins before the data."""
    known = (period if period.period >= began else None for period in before)
    return list(zip_longest(periods, known))[: len(periods)]
