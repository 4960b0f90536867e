"""Divisions, conversions and demographics of the visitors of the site or of a community."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from flask import Response

from koyjabo.bridges.citinfos import bp, ranges
from koyjabo.bridges.citinfos.access import REFUSED, WHERE, scope
from koyjabo.bridges.citinfos.answers import (
    CitinfosBrowser,
    CitinfosConversionPage,
    CitinfosConversions,
    CitinfosDemographics,
    CitinfosDevice,
    CitinfosDivision,
    CitinfosDivisions,
    CitinfosShares,
    CitinfosSystem,
)
from koyjabo.bridges.citinfos.routes import both
from koyjabo.models import Scope
from koyjabo.network.place_names import division_of
from koyjabo.reports.community_people import MONTH
from koyjabo.reports.conversion_queries import ConversionReport
from koyjabo.reports.engine.answers import MOST_ROWS, Breakdown, Row
from koyjabo.reports.engine.requests import BreakdownRequest
from koyjabo.reports.query.dimensions import PHONE
from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.services import ReportServices
from koyjabo.reports.ui.date_ranges import Range
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer
from koyjabo.webkit.openapi.describe import ListOf, describe

QUERY = WHERE | ranges.DATES
MOST_PAGES = 10
DEVICES = {PHONE: "mobile"}
UNKNOWN = "unknown"


@bp.get("/api/analytics/visitors/division-breakdown")
@describe("Visitors by division of Bangladesh", {200: CitinfosDivisions, **REFUSED}, query=QUERY)
def division_breakdown() -> Response:
    """By place, as far as known; without `start_date`, of the last 30 days."""
    return answer(divisions(scope(), ranges.range_of(MONTH)))


@bp.get("/api/analytics/division-breakdown")
@describe("Visitors by division of Bangladesh, as a list", {200: ListOf(CitinfosDivision), **REFUSED}, query=QUERY)
def division_breakdown_of_server() -> Response:
    """By place, as far as known; without `start_date`, of the last 30 days."""
    return list_answer(divisions(scope(), ranges.range_of(MONTH)).divisions, [])


@both("conversions")
@describe("Visitors who became users", {200: CitinfosConversions, **REFUSED}, query=QUERY)
def conversions_report() -> Response:
    """Without `start_date`, of those whose first visit was in the last 30 days."""
    return answer(conversions(scope(), ranges.range_of(MONTH)))


@both("demographics")
@describe("Visits by device, browser and operating system", {200: CitinfosDemographics, **REFUSED}, query=QUERY)
def demographics_report() -> Response:
    """Without `start_date`, of the last 30 days."""
    return answer(demographics(scope(), ranges.range_of(MONTH)))


def divisions(where: Scope, days: Range) -> CitinfosDivisions:
    users = ranges.people(where, days).authenticated
    return CitinfosDivisions(
        same_division_visitors=0,
        cross_division_visitors=0,
        no_division_visitors=users,
        total_authenticated_visitors=users,
        breakdown_percentage=CitinfosShares(same_division=0.0, cross_division=0.0, no_division=100.0 if users else 0.0),
        divisions=_divisions(Question(*days, where)),
    )


def _divisions(question: Question) -> list[CitinfosDivision]:
    cities: defaultdict[str, list[Row]] = defaultdict(list)
    for row in current()[ReportServices].reports.breakdown(question, "city", MOST_ROWS).rows:
        if division := division_of(row.value or ""):
            cities[division].append(row)
    counted = [(name, _visitors(question, rows)) for name, rows in cities.items()]
    known = [(name, count) for name, count in counted if count is not None]
    return [_division(*each) for each in sorted(known, key=lambda each: (-each[1], each[0]))]


def _visitors(question: Question, rows: list[Row]) -> int | None:
    """Different visitors of all these cities: those of several cities do not add up."""
    if len(rows) == 1:
        return None if rows[0].at_least else rows[0].sums.visitors
    filters = {"city": Filter(frozenset(row.value for row in rows))}
    return current()[ReportServices].reports.summary(question.within(filters)).figures.visitors


def _division(name: str, count: int) -> CitinfosDivision:
    return CitinfosDivision(
        division_id=name.lower(), division_name=name, division_type="division", count=count, visitor_count=count
    )


class _Converted(NamedTuple):
    report: ConversionReport
    people: int | None  # whose first visit was in the range
    by_page: Breakdown

    @property
    def rate(self) -> float | None:
        """None if some visits are kept as sums only, without the people who signed up later."""
        is_known = self.people is not None and self.by_page.reason is None
        return ranges.percent(self.report.conversions, self.people or 0) if is_known else None


def conversions(where: Scope, days: Range) -> CitinfosConversions:
    converted, before = _converted(where, days), _converted(where, ranges.before(days))
    average_ms = converted.report.average_ms
    average_s = None if average_ms is None else average_ms / 1000
    changed = None if converted.rate is None or before.rate is None else round(converted.rate - before.rate, 2)
    return CitinfosConversions(
        total_conversions=converted.report.conversions,
        recent_conversions=current()[ReportServices].conversions.between(where, *ranges.last(MONTH)).conversions,
        total_anonymous_sessions=converted.people,
        overall_conversion_rate=converted.rate,
        conversion_rate=converted.rate,
        rate_change=changed,
        top_conversion_pages=_pages(converted),
        avg_time_to_conversion=average_s,
        avg_time_to_convert_seconds=average_s,
        timestamp=ranges.timestamp(),
    )


def _converted(where: Scope, days: Range) -> _Converted:
    report = current()[ReportServices].conversions.between(where, *days)
    # later, so that it has the people of every conversion
    by_page = current()[ReportServices].reports.breakdown(Question(*days, where), "page", MOST_ROWS)
    return _Converted(report, by_page.total.new_visitors, by_page)


def _pages(converted: _Converted) -> list[CitinfosConversionPage]:
    people = {row.value: row.sums.new_visitors for row in converted.by_page.rows}
    return [
        CitinfosConversionPage(
            page_url=page,
            conversions=count,
            views=people.get(page),
            conversion_rate=None if converted.rate is None else ranges.percent(count, people.get(page) or 0),
        )
        for page, count in converted.report.pages[:MOST_PAGES]
    ]


def demographics(where: Scope, days: Range) -> CitinfosDemographics:
    question, insights = Question(*days, where), current()[ReportServices].reports
    devices, browsers, systems = insights.read(
        [BreakdownRequest(question, name, MOST_ROWS) for name in ("device", "browser", "system")]
    )
    return CitinfosDemographics(
        total_sessions=devices.total.visits,
        device_types=[
            CitinfosDevice(device_type=DEVICES.get(name, name), count=count, percentage=share)
            for name, count, share in _shares(devices)
        ],
        browsers=[
            CitinfosBrowser(browser=name, count=count, percentage=share) for name, count, share in _shares(browsers)
        ],
        operating_systems=[
            CitinfosSystem(operating_system=name, count=count, percentage=share)
            for name, count, share in _shares(systems)
        ],
    )


def _shares(breakdown: Breakdown) -> list[tuple[str, int, float]]:
    """Value, visits, and their share in percent."""
    return [
        (row.value or UNKNOWN, row.sums.visits, round(100 * row.share, 2)) for row in breakdown.rows if row.sums.visits
    ]
