"""The ranges that a view offers: presets with their keys, the days before and after, and two freely chosen days."""

from datetime import date, timedelta
from typing import NamedTuple

from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.clock import shifted
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.query.ranges import ALL_DAYS, DEFAULT_RANGE, LAST_HOUR, TODAY, length, preset
from koyjabo.web.i18n import day
from .page_address import Choice, PageAddress, Pairs

PRESETS: dict[str, tuple[LazyString, str]] = {
    LAST_HOUR: (_("Last hour"), "H"),
    TODAY: (_("Today"), "D"),
    "yesterday": (_("Yesterday"), "E"),
    "7d": (_("Last 7 days"), "W"),
    DEFAULT_RANGE: (_("Last 28 days"), "M"),
    "30d": (_("Last 30 days"), ""),
    "90d": (_("Last 90 days"), "Q"),
    "365d": (_("Last 365 days"), "Y"),
    "month": (_("This month"), "T"),
    ALL_DAYS: (_("All days"), "A"),
}
"""Names by value of the `range` parameter, and their shortcut keys."""


NO_RANGE = dict.fromkeys(("range", "start", "end", "granularity"))


class Picker(NamedTuple):
    title: str  # the chosen range
    presets: list[Choice]
    before: Choice
    after: Choice | None  # None for a range that ends today
    kept: Pairs  # other fields that the form with two days sends


def picker(address: PageAddress, query: ReportQuery, today: str, default: str) -> Picker:
    """Return the picker. `default` is the range of a URL without one, or two days; "" if all URLs have one."""
    presets = _presets(address, query, today, default)
    return Picker(
        next((preset.label for preset in presets if preset.is_chosen), days_in_words(query.first, query.last)),
        presets,
        _adjacent(address, query, -1, gettext("Days before")),
        None if query.last >= today else _adjacent(address, query, 1, gettext("Days after")),
        address.having(NO_RANGE).pairs,
    )


def _presets(address: PageAddress, query: ReportQuery, today: str, default: str) -> list[Choice]:
    is_own = bool(address.first("start") or address.first("end"))
    chosen = "" if is_own else address.first("range") or default
    choices = []
    for name, (label, key) in PRESETS.items():
        about = ""
        if name == ALL_DAYS:  # its first day is not known here
            last = shifted(f"{today[:8]}01", -1)
            days = f"{last[:8]}01", last
            words, is_chosen = days_in_words(*days, has_weekdays=True), (query.first, query.last) == days
            choices.append(Choice(of_days(address, *days), gettext("Last month"), is_chosen, "L", words))
        else:
            about = days_in_words(*preset(name, today, lambda: None), has_weekdays=True)
        url = _ranged(address, range=None if name == default else name)
        choices.append(Choice(url, str(label), name == chosen, key, about))
    if "/" in default:
        days_of_default = days_in_words(*default.split("/"))
        choices.insert(0, Choice(_ranged(address), days_of_default, chosen == default))
    return choices


def days_in_words(first: str, last: str, *, has_weekdays: bool = False) -> str:
    """Return `21 Nov 2026`, or `15 Nov 2026 – 21 Nov 2026`."""
    return " – ".join(day(name, has_weekdays) for name in dict.fromkeys((first, last)))


def of_days(address: PageAddress, first: str, last: str) -> str:
    return _ranged(address, start=first, end=last)


def month_of(first: str) -> str:
    """Return the last day of the month that begins on `first`."""
    return ((date.fromisoformat(first) + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()


def _ranged(address: PageAddress, **range_: str | None) -> str:
    return str(address.having({**NO_RANGE, **range_}))


def _adjacent(address: PageAddress, query: ReportQuery, steps: int, label: str) -> Choice:
    """Return the choice of the same number of days before or after; for a month, the adjacent month."""
    first, last = query.first, query.last
    if first.endswith("-01") and last == month_of(first):
        middle = date.fromisoformat(first) + timedelta(days=15 + 31 * steps)
        days = middle.replace(day=1).isoformat(), month_of(middle.replace(day=1).isoformat())
    else:
        ago = steps * length(query)
        days = shifted(first, ago), shifted(last, ago)
    return Choice(of_days(address, *days), label, about=days_in_words(*days, has_weekdays=True))
