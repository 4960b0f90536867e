"""Rolling up days changes no figure: it may only become unknown, and the basic ones stay known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koyjabo.base.models import SITE
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest, SummaryRequest, TimelineRequest
from koyjabo.reports.engine.results import MAX_ROWS, Breakdown
from koyjabo.reports.query.parameters import COMMUNITY
from koyjabo.reports.query.report_query import DIMENSIONS, GRANULARITIES, Question, has_many

PROPERTY = "event:search:to"
KNOWN_FIGURES = ("visits", "new_visitors", "page_views", "events", "attended", "attended_s")
KNOWN_SUMS = ("visits", "new_visitors", "attended", "attended_s")

Figures = Mapping[str, Any]
"""The reports for one question. Breakdowns have the name of their dimension."""


def all_figures(reports: Insights, question: Question) -> Figures:
    """Every report for a question: `summary`, timelines, and all breakdowns with all rows."""
    dimensions = [name for name in (*DIMENSIONS, PROPERTY) if name != COMMUNITY or question.scope == SITE]
    requests: dict[str, Any] = {"summary": SummaryRequest(question)}
    requests |= {name: TimelineRequest(question, name) for name in GRANULARITIES[1:]}
    requests |= {name: BreakdownRequest(question, name, MAX_ROWS) for name in dimensions}
    return dict(zip(requests, reports.read(list(requests.values())), strict=True))


def assert_kept(before: Figures, after: Figures) -> None:
    """Assert that no figure has another value than before its days were rolled up."""
    assert_same(before["summary"].figures, after["summary"].figures, "summary")
    for name in GRANULARITIES[1:]:
        periods = {period.period: period for period in after[name]}  # may go on after `until_ms`, with unknown figures
        for period in before[name]:
            assert_same(period, periods.pop(period.period), f"{name} {period.period}")
        assert not any(period.visits for period in periods.values())
    for name, breakdown in after.items():
        if isinstance(breakdown, Breakdown):
            _assert_rows_kept(before[name], breakdown, name)


def _assert_rows_kept(before: Breakdown, after: Breakdown, name: str) -> None:
    assert_same(before.total, after.total, f"total of {name}")
    rows = {row.value: row for row in before.rows}
    for row in after.rows:
        old = rows.pop(row.value)
        if not row.at_least:
            assert_same((*old.sums, old.share), (*row.sums, row.share), f"{row.value} of {name}")
        for figure, upto in zip(row.sums, old.sums, strict=True):
            assert figure is None or figure <= upto, f"{row.value} of {name}"
    adds_up = "count" if has_many(name) else "visits"
    figures = [getattr(sums, adds_up) for sums in (after.total, after.other, *(row.sums for row in after.rows))]
    assert None in figures or figures[0] == sum(figures[1:]), f"{name} does not add up: {figures}"
    lost = [row for row in rows.values() if getattr(row.sums, adds_up)]
    assert not lost or figures[1] != 0, f"{name} lost {lost}"


def assert_same(before: Any, after: Any, what: str) -> None:
    assert [new if new is None else old for old, new in zip(before, after, strict=True)] == list(after), what


def assert_known(figures: Figures) -> None:
    """Assert that everything is known that a question without filters and without `until_ms` still has."""
    assert None not in [getattr(figures["summary"].figures, name) for name in KNOWN_FIGURES]
    for name, breakdown in figures.items():
        if isinstance(breakdown, Breakdown):
            known = ("count",) if has_many(name) else KNOWN_SUMS
            sums = [breakdown.total, breakdown.other, *(row.sums for row in breakdown.rows)]
            assert None not in [getattr(own, field) for own in sums for field in known], name
