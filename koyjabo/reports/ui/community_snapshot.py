"""The parts of a community's dashboard other than Insights: its people, and conversions by page."""

from contextlib import suppress
from typing import Any, NamedTuple

from flask_babel import gettext as _

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import StillCounting
from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports import conversion_queries
from koyjabo.reports.community_people import (
    BY_DAY,
    BY_HOUR,
    DAYS_PER_MONTH,
    DAYS_PER_WEEK,
    Growth,
    SnapshotReports,
    Trend,
)
from koyjabo.reports.conversion_queries import ConversionReport
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.engine.results import MAX_BREAKDOWN_ROWS, Breakdown
from koyjabo.reports.engine.snapshot_queries import Snapshot
from koyjabo.reports.people_count_queries import People
from koyjabo.web.current import current
from koyjabo.web.i18n import duration, language

MAX_PAGES = 10

MIN_ROWS = 6
"""Minimum number of bars in a chart, because fewer bars would be too wide to compare."""

Row = tuple[Any, ...]
"""A row of a chart (templates/webkit/charts.html): a label, then the values of the series."""


class PageLine(NamedTuple):
    page: str  # its label, as shown to readers
    conversions: int
    people: int | None  # people whose first visit opened the page, including converted ones
    percent: float | None  # the percentage of these people who converted


class ConversionLines(NamedTuple):
    conversions: int
    percent: float | None  # the percentage of all new visitors who converted
    average: str  # time from the first visit to the conversion, in words; "" if not known
    pages: list[PageLine]
    others: int  # conversions from other pages


class CommunitySnapshot(NamedTuple):
    """A dashboard's contents, from the same snapshot as its reports."""

    weekly: People
    monthly: People
    growth: Growth
    by_hour: list[Row]  # yesterday, and today up to the current hour
    by_day: list[Row]
    conversions: ConversionReport
    pages: Breakdown | None  # landing pages on the days of the query; None while reports cannot be computed


def of_moment(snapshot: Snapshot, query: ReportQuery) -> CommunitySnapshot:
    """Read a dashboard's contents from a snapshot. Raises NeedsScan and LedgerUnavailable."""
    scope, clock, session = query.scope, snapshot.clock, snapshot.session
    reports, today, pages = SnapshotReports(session, clock), clock.today(), None
    by_hour = reports.trend(scope, BY_HOUR, shifted(today, -1), today)
    hour = clock.local(clock.bucket(clock.now_ms()).hour_s)
    last = next((at for at, entry in enumerate(by_hour) if entry.period == hour), len(by_hour))
    with suppress(StillCounting):
        pages = BreakdownRequest(query, "page", MAX_BREAKDOWN_ROWS).read(snapshot)
    return CommunitySnapshot(
        weekly=reports.weekly(scope).people,
        monthly=reports.monthly(scope).people,
        growth=reports.growth(scope, DAYS_PER_WEEK),
        by_hour=_rows(by_hour[: last + 1]),
        by_day=_rows(reports.trend(scope, BY_DAY, shifted(today, 1 - DAYS_PER_MONTH), today)),
        conversions=conversion_queries.conversions_between(session, scope, query.first, query.last),
        pages=pages,
    )


def _rows(trend: list[Trend]) -> list[Row]:
    """Return the rows from the first one with a non-zero value, but at least the last MIN_ROWS rows."""
    rows = [(entry.period, *entry.people) for entry in trend]
    first = next((at for at, row in enumerate(rows) if any(row[1:])), len(rows))
    return [*rows[max(min(first, len(rows) - MIN_ROWS), 0) :]]


def conversions(report: ConversionReport, pages: Breakdown | None) -> ConversionLines:
    """Return the conversions of people whose first visit was on one of the report's days (specification:
    Conversions).
    """
    people = {row.value: row.sums.new_visitors for row in pages.rows} if pages else {}
    label = current()[Insights].label
    lines = []
    for page, number in report.pages[:MAX_PAGES]:
        name, visitors = label("page", page, language()) if page else str(_("Unknown")), people.get(page)
        lines.append(PageLine(name, number, visitors, _percent(number, visitors)))
    average = "" if report.average_ms is None else duration(report.average_ms // 1_000)
    others = report.conversions - sum(line.conversions for line in lines)
    percent = _percent(report.conversions, pages.total.new_visitors if pages else None)
    return ConversionLines(report.conversions, percent, average, lines, others)


def _percent(conversions: int, people: int | None) -> float | None:
    return round(100 * conversions / people, 1) if people else None
