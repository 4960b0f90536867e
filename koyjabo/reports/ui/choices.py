"""The comparisons and the switches that a view offers, and the choices that a browser remembers for panel pages."""

from __future__ import annotations

from flask import Response, after_this_request, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.query.ranges import NO_COMPARISON, PREVIOUS, WEEKDAY, YEAR
from koyjabo.reports.query.report_query import Filters
from koyjabo.reports.ui.address import PageAddress
from koyjabo.reports.ui.base import ReportContext
from koyjabo.reports.ui.ranges import Choice
from koyjabo.web.http import cookies

COMPARISON, SWITCHES, COOKIE_S = "comparison", "switches", 365 * 86400
KEEP = "keep"
"""A parameter of links whose choice is remembered. Its value is the cookie's name: COMPARISON or SWITCHES."""

COMPARISONS: dict[str, LazyString] = {
    WEEKDAY: _("Same weekdays before"),
    PREVIOUS: _("Previous period"),
    YEAR: _("Previous year"),
    NO_COMPARISON: _("No comparison"),
}
"""Labels by value of the `compare` parameter."""

FILTERS: dict[tuple[str, str], LazyString] = {
    ("attended", "!none"): _("Attended only"),
    ("own", "others"): _("Without own visits"),
}
"""Labels by the filter that a switch adds."""


def remembered(base: ReportContext) -> ReportContext:
    """Return the context of a panel page with the choices that apply if its URL has no comparison. Remembers a choice
    that the URL's link made.
    """
    chosen, kept = request.args.get("compare", ""), request.args.get(KEEP)
    if kept == COMPARISON and chosen in COMPARISONS:
        _remember(COMPARISON, chosen)
    if kept == SWITCHES:
        _remember(SWITCHES, ".".join(name for name, value in FILTERS if value in request.args.getlist(name)))
    compare, switches = cookies.get(COMPARISON), cookies.get(SWITCHES).split(".")
    filters = tuple(pair for pair in FILTERS if pair[0] in switches)
    return base._replace(compare=compare if compare in COMPARISONS else WEEKDAY, switches=filters)


def _remember(cookie: str, value: str) -> None:
    """Set a cookie in the response to this request."""

    @after_this_request
    def put(response: Response) -> Response:
        cookies.put(response, cookie, value, COOKIE_S)
        return response


def comparisons(address: PageAddress, chosen: str, is_remembered: bool) -> list[Choice]:
    toggled = NO_COMPARISON if chosen != NO_COMPARISON else WEEKDAY  # what the X key switches to
    kept = {KEEP: COMPARISON} if is_remembered else {}
    return [
        Choice(str(address.having({"compare": name, **kept})), str(label), name == chosen, "X" * (name == toggled))
        for name, label in COMPARISONS.items()
    ]


def switches(address: PageAddress, filters: Filters, is_remembered: bool) -> list[Choice]:
    """Return the switches, except those for dimensions in `filters`, which readers cannot change."""
    kept = address.having({KEEP: SWITCHES}) if is_remembered else address
    choices = []
    for (dimension, value), label in FILTERS.items():
        is_on = (dimension, value) in address.pairs
        toggled = kept.removing(dimension, value) if is_on else kept.without({dimension}).adding(dimension, value)
        if dimension not in filters:
            choices.append(Choice(str(toggled), str(label), is_on))
    return choices
