"""The pages, sources and places with the most visits of a week, and their visits of the week before."""

from __future__ import annotations

from typing import Any

from koyjabo.reports.engine.answers import MOST_ROWS, Breakdown
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.weekly.queries import Week

TOP = 5
Lists = dict[str, list[tuple[str, int, int]]]
"""Labels, visits and visits of the week before, by the name of the list."""


def top_values(insights: Insights, week: Week, language: str) -> Lists:
    """Waits. Raises LedgerUnavailable, and StillCounting after an update."""

    def top(dimension: str) -> list[tuple[str, int, int]]:
        found = insights.breakdown(Question(*week), dimension, TOP, language=language)
        before = _visits(insights.breakdown(Question(*week.before), dimension, MOST_ROWS))
        return [(row.label, row.sums.visits or 0, before.get(row.value, 0)) for row in found.rows]

    return {"pages": top("page"), "sources": top("source"), "places": top(_place(insights, week))}


def _place(insights: Insights, week: Week) -> str:
    """Countries, if no city is known: for cities the server needs a file (GEOIP)."""
    found = insights.breakdown(Question(*week), "city", 2)
    return "city" if any(row.value is not None for row in found.rows) else "country"


def _visits(found: Breakdown) -> dict[Any, int]:
    return {row.value: row.sums.visits or 0 for row in found.rows}
