"""The routes of all reports of a place, such as the site or a community."""

from collections.abc import Callable

from flask import Blueprint, Response

from koyjabo.columns.dimensions.dimensions import FILTER_NAMES
from koyjabo.reports.query.ranges import DEFAULT_RANGE, RANGE_NAMES
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.response_specs import ResponseSpec
from .kinds import REPORTS

REPORT_REFUSALS: dict[int, ResponseSpec] = {
    304: None,
    400: "a parameter is not valid; see details",
    429: "too many reports at once; see Retry-After",
    503: "the database is unavailable, too many reports are waiting, or visits are being counted after an upgrade; see "
    "Retry-After",
}

RANGE_PARAMETERS = {
    "range": f"{', '.join(RANGE_NAMES)}; default {DEFAULT_RANGE}",
    "start": "first day, YYYY-MM-DD in TIMEZONE",
    "end": "last day, included",
    "format": "csv or json; the default depends on Accept",
}
FILTER = "a value, !value for all others, or empty for visits without a value; repeat it for several values"
FILTER_PARAMETERS = dict.fromkeys(FILTER_NAMES, FILTER)
COMMUNITY_FILTER_PARAMETERS = {name: FILTER for name in FILTER_PARAMETERS if name != "community"}
IF_NONE_MATCH = {"If-None-Match": "an ETag from an earlier response"}


def add_reports(
    bp: Blueprint,
    path: str,
    endpoint: str,
    about: str,
    whom: str,
    refused: dict[int, ResponseSpec],
    filters: dict[str, str],
    ask: Callable[..., Response],
    secured: bool = True,
) -> None:
    """Add the routes of all reports of a place. The name of the report is appended to `path` and `endpoint`. `ask` is
    called with this name and the path arguments.
    """
    for name, kind in REPORTS.items():

        def view(name: str = name, **where: str) -> Response:
            return ask(name, **where)

        view.__name__, view.__doc__ = f"{endpoint}{name}", f"{whom}{kind.more}"
        documented, query = {200: kind.response, **refused}, RANGE_PARAMETERS | kind.query | filters
        scope = "reports:read" if secured else ""
        described = describe(f"{kind.summary}{about}", documented, None, IF_NONE_MATCH, query, secured, scope)
        bp.get(f"{path}{name}")(described(view))
