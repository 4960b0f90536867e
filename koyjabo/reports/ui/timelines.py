"""The chart of a figure by period, with the compared periods, and the granularities that it offers."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.clock import shifted
from koyjabo.columns.query.periods import DAY, GRANULARITIES, HOUR, MINUTE, MONTH, WEEK
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.results import Period
from koyjabo.reports.query.ranges import length
from . import range_picker
from .figures import change, value
from .page_address import Choice, PageAddress

STEP_LABELS: dict[str, LazyString] = {
    MINUTE: _("Minute"),
    HOUR: _("Hour"),
    DAY: _("Day"),
    WEEK: _("Week"),
    MONTH: _("Month"),
}

DEFAULT_GRANULARITIES = ((2, HOUR), (100, DAY), (400, WEEK))
"""Default granularities for ranges of at most this many days."""

DAYS_BY_GRANULARITY = {
    MINUTE: range(0),
    HOUR: range(1, 32),
    DAY: range(2, 801),
    WEEK: range(15, 4000),
    MONTH: range(62, 10**6),
}
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
    return next((name for most, name in DEFAULT_GRANULARITIES if days <= most), MONTH)


def granularities(address: PageAddress, query: ReportQuery, chosen: str) -> list[Choice]:
    """Return the tabs of the chart."""
    days = 0 if query.since_ms is not None else length(query)
    return [
        Choice(str(address.having({"granularity": name})), str(STEP_LABELS[name]), name == chosen)
        for name in GRANULARITIES
        if days in DAYS_BY_GRANULARITY[name] or name == chosen
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
        last = {WEEK: shifted(first, 6), MONTH: range_picker.month_of(first)}.get(step, first)
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
            url="" if step in (MINUTE, HOUR) else range_picker.of_days(address, *days),
        )
        shown.append(row)
    return shown


def pairs(periods: Sequence[Period], before: Iterable[Period], began: str) -> list[tuple[Period, Period | None]]:
    """Pair each period with the compared period, or with None if the compared period begins before the data."""
    known = (period if period.period >= began else None for period in before)
    return list(zip_longest(periods, known))[: len(periods)]
