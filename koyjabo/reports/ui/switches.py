"""A view's two switches, and their state, which a browser remembers for panel pages."""

from __future__ import annotations

from flask import request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.query.report_query import Filters
from koyjabo.reports.ui.address import PageAddress, Pairs
from koyjabo.reports.ui.comparisons import KEEP, remember
from koyjabo.reports.ui.ranges import Choice
from koyjabo.webkit.http import cookies

COOKIE = "switches"
"""The cookie's name, which is also the value of KEEP in the switches' links."""

LABELS: dict[tuple[str, str], LazyString] = {
    ("attended", "!none"): _("Attended only"),
    ("own", "others"): _("Without own visits"),
}
"""Labels by the filter that a switch adds."""


def remembered() -> Pairs:
    """Return the filters for a panel page whose URL has no comparison. Remembers a switch that was used."""
    if request.args.get(KEEP) == COOKIE:
        remember(COOKIE, ".".join(name for name, value in LABELS if value in request.args.getlist(name)))
    known = cookies.get(COOKIE).split(".")
    return tuple(pair for pair in LABELS if pair[0] in known)


def choices(address: PageAddress, filters: Filters, is_remembered: bool) -> list[Choice]:
    """Return the switches, except those for dimensions in `filters`, which readers cannot change."""
    kept = address.having({KEEP: COOKIE}) if is_remembered else address
    return [
        Choice(str(_toggled(kept, *pair)), str(label), pair in address.pairs)
        for pair, label in LABELS.items()
        if pair[0] not in filters
    ]


def _toggled(address: PageAddress, dimension: str, value: str) -> PageAddress:
    is_on = (dimension, value) in address.pairs
    return address.removing(dimension, value) if is_on else address.without({dimension}).adding(dimension, value)
