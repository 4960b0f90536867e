"""GET /api/analytics/visitors/export: views by day and page, as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from koyjabo.bridges.citinfos import ranges
from koyjabo.bridges.citinfos.access import REFUSED, WHERE, recheck, scope
from koyjabo.bridges.citinfos.routes import both
from koyjabo.core import spreadsheet
from koyjabo.core.clock import shifted
from koyjabo.core.spreadsheet import CSV
from koyjabo.models import Scope
from koyjabo.reports.community_people import MONTH
from koyjabo.reports.services import ReportServices
from koyjabo.reports.site_people import PageViews
from koyjabo.reports.ui.date_ranges import Range
from koyjabo.webkit.current import current
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.openapi.describe import Text, describe

COLUMNS = ("Date", "Page Path", "Total Views", "Unique Visitors", "Authenticated Views", "Anonymous Views")
FILE = "visitor_analytics.csv"


@both("export")
@describe(
    "Views by day and page, as CSV",
    {200: Text(", ".join(COLUMNS)), **REFUSED},
    query=WHERE | ranges.DATES,
)
def export() -> Response:
    """The newest day first. Days of which visits are kept as sums only are left out. Without `start_date`, 30 days."""
    where, days = scope(), ranges.range_of(MONTH)
    response = download(
        _pieces(current()[ReportServices].site_people.pages, where, days), FILE, spreadsheet.MIMETYPES[CSV], recheck()
    )
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _pieces(pages: Callable[[Scope, str], list[PageViews]], where: Scope, days: Range) -> Iterator[str]:
    """The header, and the lines of each day."""
    yield spreadsheet.head(CSV, COLUMNS)
    day = days.end
    while day >= days.start:
        yield spreadsheet.lines(CSV, (_line(day, each) for each in pages(where, day)))
        day = shifted(day, -1)


def _line(day: str, views: PageViews) -> dict[str, Any]:
    return dict(zip(COLUMNS, (day, *views), strict=True))
