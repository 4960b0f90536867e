"""A range's figures, each with its change."""

from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.i18n import N_
from koyjabo.reports.engine.results import Figures, Period, Summary
from .page_address import PageAddress

FIGURE_LABELS: dict[str, LazyString] = {
    "visits": _("Visits"),
    "visitors": _("Unique visitors"),
    "new_visitors": _("New visitors"),
    "returning_visitors": _("Returning visitors"),
    "page_views": _("Page views"),
    "attended": _("Attended"),
    "median_s": _("Median time"),
}
SHORT_LABELS: dict[str, LazyString] = {
    "visitors": _("Unique"),
    "new_visitors": _("New"),
    "returning_visitors": _("Returning"),
    "page_views": _("Views"),
    "median_s": _("Median"),
}
"""Short names for narrow screens."""

CHARTED_FIGURES = ("visits", "visitors", "new_visitors", "returning_visitors", "page_views", "attended")
"""The figures available in timelines."""

MEDIAN_FIGURE = "median_s"
"""The figure that is a time, and does not grow with the number of days."""

DISTINCT_FIGURES = ("visitors", "returning_visitors")
"""Figures that grow with the number of days, but not in proportion, so ranges of different lengths cannot be
compared.
"""

NEW_FIGURE = "new"

RETURNING_FIGURE = "returning_visitors"
"""A figure that only the chart shows: those who came before a period. A longer range has fewer of them."""

UNVIEWED_FIGURES = {RETURNING_FIGURE, "page_views"}
"""Figures that are not among the others where no page view was ever counted."""

UNEVEN_DAYS_REASON = N_("Not comparable by day")
UNMEASURED_RANGE_REASON = N_("Nothing was measured in this range")

MAX_PERCENT = 999
"""Figures show no larger growth in percent, only the number before."""

MAX_PRECISE_PERCENT = 10
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
    ratio: float | None  # `attended`: percent of the measured visits; `visitors`: visits of each

    @property
    def label(self) -> str:
        return str(FIGURE_LABELS[self.name])

    @property
    def short(self) -> str:
        """The name for narrow screens; "" if the label is short enough."""
        return str(SHORT_LABELS.get(self.name, ""))

    @property
    def numbers(self) -> list[int | float | str | None]:
        """The contents of its cell, without a comparison."""
        return [self.value] if self.ratio is None else [self.value, self.ratio]


def figures(summary: Summary, address: PageAddress | None, chosen: str, per_day: float) -> list[Figure]:
    """Return the figures, with links based on `address`. For `per_day`, see `ViewPlan`."""
    now, before = summary.figures, summary.compared
    shown = []
    for name in FIGURE_LABELS:
        value, past = _value(now, name), _value(before, name) if before else None
        reason, changed = "", change(value, past, 1.0 if name == MEDIAN_FIGURE else per_day)
        if value is None:
            reason = UNMEASURED_RANGE_REASON
        elif past is not None and per_day != 1 and name in DISTINCT_FIGURES:
            reason, changed = UNEVEN_DAYS_REASON, None
        shown.append(
            Figure(
                name=name,
                value=value,
                before=past,
                change=None if isinstance(changed, float) and changed > MAX_PERCENT else changed,
                url=str(address.having({"metric": name})) if address and name in CHARTED_FIGURES else "",
                is_chosen=name == chosen,
                reason=reason,
                is_per_day=per_day != 1 and name != MEDIAN_FIGURE,
                ratio=_ratio(summary, name),
            )
        )
    return shown


def _value(figures: Figures, name: str) -> int | None:
    """Return a figure; None if nothing was measured."""
    if name == "attended" and figures.median_s is None:  # 0 would mean that no visit was attended
        return None
    number: int | None = getattr(figures, name)
    return number


def _ratio(summary: Summary, name: str) -> float | None:
    figures = summary.figures
    if name == "attended" and summary.measured:
        return round(100 * figures.attended / summary.measured, 1)
    if name == "visitors" and summary.exact and figures.visitors:
        return round(figures.visits / figures.visitors, 1)
    return None


def value(period: Period, name: str) -> int:
    """Return a figure of one period of a timeline."""
    if name == RETURNING_FIGURE:
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
        return NEW_FIGURE if now else 0.0
    percent = 100 * (now / (before * per_day) - 1)
    return round(percent, 0 if abs(percent) >= MAX_PRECISE_PERCENT else 1)
