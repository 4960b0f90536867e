"""A range's figures, each with its change. The selected figure is drawn as a chart."""

from __future__ import annotations

from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.i18n import N_
from koyjabo.reports.engine.results import FOLDED_MEDIAN, Breakdown, Period, Summary
from koyjabo.reports.ui.address import PageAddress

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

NEW = "new"

UNMEASURED = N_("Nothing was measured in this range")

PRECISE = 10
"""Percentages below this are shown with one decimal."""


class Figure(NamedTuple):
    name: str
    value: int | None
    before: int | None
    change: float | str | None
    url: str  # of the view with its chart; "" if there is none
    is_chosen: bool
    reason: str  # why there is no value
    is_per_day: bool  # the change is per day, because some of the compared days have no data
    share: float | None  # of the measured visits, in percent

    @property
    def label(self) -> str:
        return str(LABELS[self.name])

    @property
    def short(self) -> str:
        """The name for narrow screens; "" if the label is short enough."""
        return str(SHORT.get(self.name, ""))

    @property
    def numbers(self) -> list[int | float | str | None]:
        """The contents of its cell, without a comparison."""
        return [self.value, self.share] if self.name == "attended" else [self.value]


def measured(lengths: Breakdown) -> int | None:
    """Return the number of measured visits. `lengths` is the breakdown by `attended`. None if it is not known."""
    if lengths.total.attended is None:
        return None
    return sum(row.sums.visits or 0 for row in lengths.rows if row.value is not None)


def figures(
    summary: Summary, lengths: Breakdown, address: PageAddress | None, chosen: str, is_filtered: bool, per_day: float
) -> list[Figure]:
    """Return the figures, with links based on `address`. `lengths` is the breakdown by `attended`. For `per_day`, see
    `ViewPlan`.
    """
    reasons = dict.fromkeys(LABELS, summary.reason or "")
    reasons["peak_active"] = N_("Not measured with filters") if is_filtered else N_("Not measured on these days")
    reasons["median_s"] = FOLDED_MEDIAN
    of, now, before = measured(lengths), summary.figures, summary.compared
    if of == 0:  # 0 would mean that no visit was attended
        reasons |= dict.fromkeys(("attended", "median_s"), UNMEASURED)
        now = now._replace(attended=None)
    if before and before.median_s is None:
        before = before._replace(attended=None)
    shown = []
    for name in LABELS:
        value, past = getattr(now, name), getattr(before, name, None)
        is_share = name == "attended" and of and value is not None
        shown.append(
            Figure(
                name=name,
                value=value,
                before=past,
                change=change_of(name, value, past, per_day),
                url=str(address.having({"metric": name})) if address and name in CHARTED else "",
                is_chosen=name == chosen,
                reason=reasons[name],
                is_per_day=per_day != 1 and name not in NOT_SUMS,
                share=round(100 * value / of, 1) if is_share else None,
            )
        )
    return shown


def value(period: Period, name: str) -> int | None:
    """Return a figure of one period of a timeline."""
    if name != "returning_visitors":
        figure: int | None = getattr(period, name)
        return figure
    known = period.visitors is not None and period.new_visitors is not None
    return period.visitors - period.new_visitors if known else None  # type: ignore[operator]


def change_of(name: str, now: int | None, before: int | None, per_day: float) -> float | str | None:
    """Return a figure's `change`. For `per_day`, see `ViewPlan`."""
    if per_day != 1 and name in DISTINCT:
        return None
    return change(now, before, 1.0 if name in NOT_SUMS else per_day)


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
