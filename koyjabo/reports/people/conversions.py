"""Conversions of a community by the page that their visitors opened first (specification: Conversions)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from koyjabo.database.executor import DatabaseExecutor
from koyjabo.models import Scope
from koyjabo.reports.people import conversion_queries


class PageConversions(NamedTuple):
    page: str | None  # None: not recorded
    conversions: int


class ConversionReport(NamedTuple):
    """`pages`: those with the most conversions first. `average_ms`: from the first visit to the conversion; None if
    there is none.
    """

    conversions: int
    pages: list[PageConversions]
    average_ms: int | None


class Conversions:
    """Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database

    def between(self, scope: Scope, first: str, last: str) -> ConversionReport:
        """Of the visitors whose first visit was on the days `first` to `last`, both included, and is still stored."""
        found = self._database.report(conversion_queries.between, scope, first, last)
        pages = Counter(each.page for each in found)
        ordered = sorted(pages.items(), key=lambda each: (-each[1], each[0] or ""))
        waited = [each.at_ms - each.opened_ms for each in found]
        average_ms = round(sum(waited) / len(waited)) if waited else None
        return ConversionReport(len(found), [PageConversions(*each) for each in ordered], average_ms)
