"""Where reports are shown, which of their parts are shown, and what a view offers: comparisons, switches (a browser
remembers both for panel pages), and its active filters as chips.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Response, after_this_request, request
from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import Value
from koyjabo.columns.query.report_query import Filters, ReportQuery
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.query.parameters import escaped
from koyjabo.reports.query.report_query import DEFAULT, NO_COMPARISON, PREVIOUS, WEEKDAY, YEAR
from koyjabo.reports.services import ReportServices
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from koyjabo.web.i18n import language
from . import breakdowns
from .breakdowns import Card
from .ranges import Choice, PageAddress, Pairs

SHOWN = ("metric", "granularity", "tabs", "by", "offset", "find")
"""Parameters that select the shown parts of a view, in addition to the query's parameters."""


class ReportContext(NamedTuple):
    """The place where reports are shown. Pages set `path` and `extra`, which do not affect reports."""

    name: str  # the kind of page; unique for each public page
    path: str
    reports: str  # the path of the API's reports
    scope: Scope = SITE
    reader: str = ""  # the user or public page that is charged for the reports
    cards: tuple[Card, ...] = breakdowns.ALL
    filters: Filters = {}  # apply in addition to the URL's filters
    range: str = DEFAULT  # used if the URL has no range
    is_public: bool = False  # for readers without an account
    # Reads the page's other data from the same snapshot, without filters.
    extra: Callable[[Snapshot, ReportQuery], Any] | None = None
    # Used if the URL has no comparison; "": WEEKDAY, once there are two periods.
    compare: str = NO_COMPARISON
    switches: Pairs = ()  # filters used if the URL has no comparison


COMMUNITY_REPORTS = "community"
"""The `name` of a community's reports."""

OVERVIEW = ReportContext("overview", "", "/api/reports")


def of_community(scope: Scope, reader: str) -> ReportContext:
    return ReportContext(
        COMMUNITY_REPORTS, "", f"/api/communities/{scope}/reports", scope, reader, breakdowns.OF_A_COMMUNITY
    )


Label = Callable[[str, Value, str], str]


class Chip(NamedTuple):
    words: str  # "Page is /fares"
    opposite: str  # "Page is not /fares"
    turned: str  # the URL of the view with the opposite filter
    without: str
    is_switch: bool  # a switch that is on shows the same filter


def filters_in_words(filters: Filters, label: Label) -> list[str]:
    """Return the filters in words, for a list of views."""
    return [_words(dimension, value, label)[not is_included] for dimension, value, is_included in _parts(filters)]


def stored_chips(filters: dict[str, list[str]]) -> list[str]:
    """Return stored filters in words. The list is empty for invalid filters, which a form reports when it is sent."""
    pairs = [(name, value) for name, values in filters.items() for value in values]
    insights = current()[ReportServices].reports
    try:
        return filters_in_words(insights.parse(pairs).query.filters, insights.label)
    except InvalidInput:
        return []


def chips(filters: Filters, address: PageAddress, label: Label) -> list[Chip]:
    parts = []
    for dimension, value, is_included in _parts(filters):
        included, excluded = escaped(value), f"!{escaped(value)}"
        said, opposite = _words(dimension, value, label)
        own, other = included, excluded
        if not is_included:
            said, opposite, own, other = opposite, said, excluded, included
        without = address.removing(dimension, own)
        turned = str(without.adding(dimension, other))
        parts.append(Chip(said, opposite, turned, str(without), (dimension, own) in FILTERS))
    return parts


def _parts(filters: Filters) -> Iterator[tuple[str, Value, bool]]:
    """Yield each value in the filters, with its dimension, and whether it is included or excluded."""
    for dimension, filter_ in filters.items():
        for values, is_included in ((filter_.any_of, True), (filter_.none_of, False)):
            for value in sorted(values, key=lambda value: value or ""):
                yield dimension, value, is_included


def _words(dimension: str, value: Value, label: Label) -> tuple[str, str]:
    """Return the wording of the filter that includes a value, and of the filter that excludes it."""
    named = {"dimension": breakdowns.label(dimension), "value": label(dimension, value, language())}
    is_, is_not = gettext("%(dimension)s is %(value)s", **named), gettext("%(dimension)s is not %(value)s", **named)
    names = (FILTERS.get((dimension, f"{sign}{escaped(value)}")) for sign in ("", "!"))
    included, excluded = (str(name or words) for name, words in zip(names, (is_, is_not), strict=True))
    return included, excluded


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
    return base._replace(compare=compare if compare in COMPARISONS else "", switches=filters)


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
