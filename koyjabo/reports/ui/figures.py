"""The figures of a range, each with its change. The chosen one is drawn as the chart."""

from __future__ import annotations

from typing import NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.engine.answers import Period, Summary
from koyjabo.reports.ui.address import PageAddress

LABELS: dict[str, LazyString] = {
    "visits": _("Visits"),
    "visitors": _("Unique visitors"),
    "new_visitors": _("New visitors"),
    "returning_visitors": _("Returning visitors"),
    "page_views": _("Page views"),
    "peak_active": _("Most at once"),
}
SHORT: dict[str, LazyString] = {
    "visitors": _("Unique"),
    "new_visitors": _("New"),
    "returning_visitors": _("Returning"),
    "peak_active": _("At once"),
}
"""Names for a narrow screen."""

CHARTED = ("visits", "visitors", "new_visitors", "returning_visitors", "page_views")
"""The figures that timelines have."""

NOT_A_SUM = "peak_active"
"""Does not grow with the number of days."""

DISTINCT = ("visitors", "returning_visitors")
"""Grow with the days, but not in proportion, so ranges of different lengths cannot be compared."""

NEW = "new"

PRECISE = 10
"""Percentages below this have one decimal."""


class Figure(NamedTuple):
    name: str
    label: str
    short: str  # "" if the label is short enough
    value: int | None
    before: int | None
    change: float | str | None
    url: str  # of the view with its chart; "" if there is none
    is_chosen: bool
    reason: str  # why there is no value
    is_per_day: bool  # the change is per day, because some of the compared days have no data


def figures(summary: Summary, address: PageAddress, chosen: str, is_filtered: bool, per_day: float) -> list[Figure]:
    """Return the figures. For `per_day` see `AskedView`."""
    unmeasured = _("Not measured with filters") if is_filtered else _("Not measured on these days")
    reasons = {name: unmeasured if name == "peak_active" else summary.reason or "" for name in LABELS}
    return [_figure(name, summary, address, chosen, per_day)._replace(reason=str(reasons[name])) for name in LABELS]


def value(period: Period, name: str) -> int | None:
    """Return a figure of one period of a timeline."""
    if name != "returning_visitors":
        figure: int | None = getattr(period, name)
        return figure
    known = period.visitors is not None and period.new_visitors is not None
    return period.visitors - period.new_visitors if known else None  # type: ignore[operator]


def _figure(name: str, summary: Summary, address: PageAddress, chosen: str, per_day: float) -> Figure:
    now, before = getattr(summary.figures, name), getattr(summary.compared, name, None)
    url = str(address.having({"metric": name})) if name in CHARTED else ""
    short = str(SHORT.get(name, ""))
    is_per_day = per_day != 1 and name != NOT_A_SUM
    percent = change_of(name, now, before, per_day)
    return Figure(name, str(LABELS[name]), short, now, before, percent, url, name == chosen, "", is_per_day)


def change_of(name: str, now: int | None, before: int | None, per_day: float) -> float | str | None:
    """Return the `change` of a figure. For `per_day` see `AskedView`."""
    if per_day != 1 and name in DISTINCT:
        return None
    return change(now, before, 1.0 if name == NOT_A_SUM else per_day)


def change(now: int | None, before: int | None, per_day: float = 1.0) -> float | str | None:
    """Return the change in percent for the macro `ui.change`, NEW if it was 0 before, or None if one number is not
    known.
    """
    if now is None or before is None:
        return None
    if before == 0:
        return NEW if now else 0.0
    percent = 100 * (now / (before * per_day) - 1)
    return round(percent, 0 if abs(percent) >= PRECISE else 1)
