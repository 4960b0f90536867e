"""The comparisons and switches that a view offers. A browser remembers both for panel pages."""

from flask import Response, after_this_request, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.columns.query.report_query import Filters
from koyjabo.reports.query.comparisons import NO_COMPARISON, PREVIOUS_PERIOD, WEEKDAY, YEAR
from koyjabo.web.http import cookies
from .filters import SWITCH_LABELS
from .page_address import Choice, PageAddress
from .report_context import ReportContext

COMPARISON, SWITCHES, COOKIE_S = "comparison", "switches", 365 * 86400
KEEP = "keep"
"""A parameter of links whose choice is remembered. Its value is the cookie's name: COMPARISON or SWITCHES."""

COMPARISON_LABELS: dict[str, LazyString] = {
    WEEKDAY: _("Same weekdays before"),
    PREVIOUS_PERIOD: _("Previous period"),
    YEAR: _("Previous year"),
    NO_COMPARISON: _("No comparison"),
}
"""Labels by value of the `compare` parameter."""


def remembered(base: ReportContext) -> ReportContext:
    """Return the context of a panel page with the choices that apply if its URL has no comparison. Remembers a choice
    that the URL's link made.
    """
    chosen, kept = request.args.get("compare", ""), request.args.get(KEEP)
    if kept == COMPARISON and chosen in COMPARISON_LABELS:
        _remember(COMPARISON, chosen)
    if kept == SWITCHES:
        _remember(SWITCHES, ".".join(name for name, value in SWITCH_LABELS if value in request.args.getlist(name)))
    compare, switches = cookies.get(COMPARISON), cookies.get(SWITCHES).split(".")
    filters = tuple(pair for pair in SWITCH_LABELS if pair[0] in switches)
    return base._replace(compare=compare if compare in COMPARISON_LABELS else "", switches=filters)


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
        for name, label in COMPARISON_LABELS.items()
    ]


def switches(address: PageAddress, filters: Filters, is_remembered: bool) -> list[Choice]:
    """Return the switches, except those for dimensions in `filters`, which readers cannot change."""
    kept = address.having({KEEP: SWITCHES}) if is_remembered else address
    choices = []
    for (dimension, value), label in SWITCH_LABELS.items():
        is_on = (dimension, value) in address.pairs
        toggled = kept.removing(dimension, value) if is_on else kept.without({dimension}).adding(dimension, value)
        if dimension not in filters:
            choices.append(Choice(str(toggled), str(label), is_on))
    return choices
