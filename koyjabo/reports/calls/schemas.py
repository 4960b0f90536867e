"""The JSON of reports, for OpenAPI. The fields of results are described where they are defined."""

from typing import Any

from pydantic import Field

from koyjabo.columns.query.groups import Sums
from koyjabo.reports.engine.results import Figures, Period
from koyjabo.web.openapi.response_specs import result_model

EXACTNESS_FIELDS: dict[str, Any] = {
    "exact": (bool, ...),
    "reason": (str | None, Field(None, description="why visitors may count several times; absent if they do not")),
}

ComparedResponse = result_model(
    "ComparedResponse",
    "The figures for the other range.",
    Figures,
    until=(str | None, Field(description="the local time when it ends, if the range ends today")),
)

SummaryResponse: Any = result_model(
    "SummaryResponse",
    "The figures for a range, and for the range it is compared with.",
    Figures,
    compared=(ComparedResponse | None, ...),
    **EXACTNESS_FIELDS,
)

PeriodResponse = result_model("PeriodResponse", "The figures for one period.", Period)

TotalResponse = result_model(
    "TotalResponse",
    "The sums for several values.",
    Sums,
    values=(int, Field(description="number of values")),
)

RowResponse = result_model(
    "RowResponse",
    "The sums for one value.",
    Sums,
    value=(str | None, Field(description="null: not recorded")),
    label=(str, Field(description="display text, in the language of Accept-Language")),
    share=(float, Field(description="share of all visits, 0 to 1")),
    visitor_share=(float | None, Field(None, description="by event: its visitors as a share of all visitors, 0 to 1")),
)

BreakdownResponse = result_model(
    "BreakdownResponse",
    "The values with the most visits. `other` is everything that is not in `rows`.",
    rows=(list[RowResponse], ...),  # type: ignore[valid-type]
    other=(TotalResponse, ...),
    total=(TotalResponse, ...),
    **EXACTNESS_FIELDS,
)
