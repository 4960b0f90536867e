"""The kinds of reports: their parameters, how they are read, and their JSON and CSV."""

from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.core.errors import InvalidInput
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES, dimension_of
from koyjabo.columns.query.groups import Sums
from koyjabo.columns.query.periods import DAY, MINUTE
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS, Figures, Period
from koyjabo.reports.query.comparisons import COMPARISONS
from koyjabo.reports.query.parameters import Parameters
from koyjabo.web.i18n import language
from koyjabo.web.openapi.response_specs import ListOf, ResponseSpec, TableOf
from .schemas import BreakdownResponse, PeriodResponse, SummaryResponse

CSV_FORMAT, JSON_FORMAT = "csv", "json"
DEFAULT_ROWS, MAX_OFFSET = 10, 1_000_000

VISITOR_SHARE = "visitor_share"
"""A column of breakdowns by event."""

COMPARISON_PARAMETERS = {"compare": " or ".join(COMPARISONS)}


class Report(NamedTuple):
    """A kind of report, and its API description, which is the same wherever the report is available."""

    summary: str
    response: ResponseSpec
    query: dict[str, str]  # its parameters in addition to range and filters
    find: Callable[[Insights, Parameters], Any]
    columns: tuple[str, ...]  # of its CSV file
    more: str = ""


def _breakdown(insights: Insights, requested: Parameters) -> Any:
    others = requested.others
    if "by" not in others:
        raise InvalidInput(details={"by": "is required: a dimension, such as page, source or country"})
    limit = MAX_OFFSET
    if others["format"] == JSON_FORMAT or "limit" in others:
        default = dimension_of(others["by"]).default_rows(DEFAULT_ROWS)
        limit = _number("limit", others.get("limit", str(default)), 1, MAX_BREAKDOWN_ROWS)
    offset = _number("offset", others.get("offset", "0"), 0, MAX_OFFSET)
    return insights.breakdown(requested.query, others["by"], limit, offset, language())


def _timeline(insights: Insights, requested: Parameters) -> Any:
    default = DAY if requested.query.since_ms is None else MINUTE
    return insights.timeline(requested.query, requested.others.get("granularity", default))


REPORTS = {
    "summary": Report(
        "Figures for a range",
        TableOf(SummaryResponse),
        COMPARISON_PARAMETERS,
        lambda insights, requested: insights.summary(requested.query, requested.compare),
        (*Figures._fields, "until", "exact"),
    ),
    "timeline": Report(
        "Figures by minute, hour, day, week or month",
        TableOf(ListOf(PeriodResponse)),
        {"granularity": "hour, day (default), week or month, at most 2,400 periods; minute for range=hour"},
        _timeline,
        Period._fields,
        " Returns every period of the range, with the current one last.",
    ),
    "breakdown": Report(
        "Figures by value of a dimension",
        TableOf(BreakdownResponse),
        {
            "by": f"{', '.join(DIMENSION_NAMES)} or event:{{name}}:{{property}}",
            "limit": f"1 to {MAX_BREAKDOWN_ROWS:,}; default {DEFAULT_ROWS} or all ordered values; all in a CSV file",
            "offset": f"0 to {MAX_OFFSET:,}",
        },
        _breakdown,
        ("value", "label", *Sums._fields, "share", VISITOR_SHARE, "exact"),
        " Values with the most visits come first, unless they have an order.",
    ),
}


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidInput(details={name: f"must be a whole number from {least} to {most:,}"})
    return int(text)
