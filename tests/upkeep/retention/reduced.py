"""Reducing visits changes no figure: only visitors of several days may count several times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koyjabo.base.models import SITE
from koyjabo.columns.dimensions.dimensions import COMMUNITY, DIMENSION_NAMES
from koyjabo.columns.query.periods import GRANULARITIES
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS

PROPERTY = "event:search:to"
OF_VISITORS = ("visitors", "returning_visitors", "reason")

Figures = Mapping[str, Any]
"""The reports for one query. Breakdowns have the name of their dimension."""


def all_figures(reports: Insights, query: ReportQuery) -> Figures:
    """Every report for a query, without the numbers of visitors: `summary`, timelines, and all breakdowns with
    all rows.
    """
    dimensions = [name for name in (*DIMENSION_NAMES, PROPERTY) if name != COMMUNITY or query.scope == SITE]
    requests: dict[str, Any] = {"summary": SummaryRequest(query)}
    requests |= {name: TimelineRequest(query, name) for name in GRANULARITIES[1:]}
    requests |= {name: BreakdownRequest(query, name, MAX_BREAKDOWN_ROWS) for name in dimensions}
    return {
        name: without_visitors(result)
        for name, result in zip(requests, reports.read(list(requests.values())), strict=True)
    }


def without_visitors(result: Any) -> Any:
    """A result as plain values, without everything about visitors."""
    if hasattr(result, "_asdict"):
        fields = result._asdict().items()
        return {name: without_visitors(value) for name, value in fields if name not in OF_VISITORS}
    return [without_visitors(value) for value in result] if isinstance(result, list) else result
