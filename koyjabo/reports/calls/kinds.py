"""The kinds of reports: their parameters, how they are read, and their JSON and CSV."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, Field, create_model

from koyjabo.base.core.errors import InvalidInput
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES
from koyjabo.columns.query.groups import Sums
from koyjabo.columns.query.periods import DAY, MINUTE
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.results import MAX_ROWS, Figures, Period
from koyjabo.reports.query.parameters import Parameters
from koyjabo.reports.query.report_query import COMPARISONS
from koyjabo.web.i18n import language
from koyjabo.web.openapi.response_specs import ListOf, ResponseSpec, TableOf

CSV, JSON = "csv", "json"
FURTHEST = 1_000_000
DEFAULT_ROWS = "10"

COMPARE = {"compare": " or ".join(COMPARISONS)}
GRANULARITY = {"granularity": "hour, day (default), week or month, at most 2,400 periods; minute for range=hour"}
BY = {
    "by": f"{', '.join(DIMENSION_NAMES)} or event:{{name}}:{{property}}",
    "limit": f"1 to {MAX_ROWS:,}; default 10, or all in a CSV file",
    "offset": f"0 to {FURTHEST:,}",
}

# The JSON of reports, for OpenAPI. The fields of results are described there.


def _model(name: str, about: str, result: type | None = None, **more: Any) -> type[BaseModel]:
    """Return a model with the fields of a result, then `more`. Fields whose type has a default may be absent."""
    fields: dict[str, Any] = get_type_hints(result, include_extras=True) if result else {}
    return create_model(name, __doc__=about, **{field: (hint, Field()) for field, hint in fields.items()} | more)


REASON: dict[str, Any] = {
    "exact": (bool, ...),
    "reason": (str | None, Field(None, description="why visitors may count several times; absent if they do not")),
}

ComparedResponse = _model(
    "ComparedResponse",
    "The figures for the other range.",
    Figures,
    until=(str | None, Field(description="the local time when it ends, if the range ends today")),
)
SummaryResponse: Any = _model(
    "SummaryResponse",
    "The figures for a range, and for the range it is compared with.",
    Figures,
    compared=(ComparedResponse | None, ...),
    **REASON,
)
PeriodResponse = _model("PeriodResponse", "The figures for one period.", Period)
TotalResponse = _model(
    "TotalResponse",
    "The sums for several values.",
    Sums,
    values=(int, Field(description="number of values")),
)
RowResponse = _model(
    "RowResponse",
    "The sums for one value.",
    Sums,
    value=(str | None, Field(description="null: not recorded")),
    label=(str, Field(description="display text, in the language of Accept-Language")),
    share=(float, Field(description="share of all visits, 0 to 1")),
)
BreakdownResponse = _model(
    "BreakdownResponse",
    "The values with the most visits. `other` is everything that is not in `rows`.",
    rows=(list[RowResponse], ...),  # type: ignore[valid-type]
    other=(TotalResponse, ...),
    total=(TotalResponse, ...),
    **REASON,
)


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
    limit = FURTHEST
    if others["format"] == JSON or "limit" in others:
        limit = _number("limit", others.get("limit", DEFAULT_ROWS), 1, MAX_ROWS)
    offset = _number("offset", others.get("offset", "0"), 0, FURTHEST)
    return insights.breakdown(requested.query, others["by"], limit, offset, language())


def _timeline(insights: Insights, requested: Parameters) -> Any:
    default = DAY if requested.query.since_ms is None else MINUTE
    return insights.timeline(requested.query, requested.others.get("granularity", default))


REPORTS = {
    "summary": Report(
        "Figures for a range",
        TableOf(SummaryResponse),
        COMPARE,
        lambda insights, requested: insights.summary(requested.query, requested.compare),
        (*Figures._fields, "until", "exact"),
    ),
    "timeline": Report(
        "Figures by minute, hour, day, week or month",
        TableOf(ListOf(PeriodResponse)),
        GRANULARITY,
        _timeline,
        Period._fields,
        " Returns every period of the range, with the current one last.",
    ),
    "breakdown": Report(
        "Figures by value of a dimension",
        TableOf(BreakdownResponse),
        BY,
        _breakdown,
        ("value", "label", *Sums._fields, "share", "exact"),
        " Values with the most visits come first.",
    ),
}


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidInput(details={name: f"must be a whole number from {least} to {most:,}"})
    return int(text)
