"""/api/analytics/visitors: visitors of the site or of a community, their growth and trends."""

from __future__ import annotations

from flask import Response

from koyjabo.bridges.citinfos import bp, ranges
from koyjabo.bridges.citinfos.access import REFUSED, WHERE, scope
from koyjabo.bridges.citinfos.answers import (
    CitinfosGrowth,
    CitinfosRange,
    CitinfosToday,
    CitinfosTrend,
    CitinfosTrendLists,
    CitinfosVisitors,
)
from koyjabo.bridges.citinfos.routes import both
from koyjabo.models import SITE, Scope
from koyjabo.reports.community_people import MONTH, WEEK
from koyjabo.reports.query.periods import DAY, HOUR
from koyjabo.reports.site_people import Split
from koyjabo.reports.ui.date_ranges import Range
from koyjabo.webkit.http.responses import answer, list_answer
from koyjabo.webkit.openapi.describe import ListOf, describe


@bp.get("/api/analytics/visitors")
@describe("Visitors of a range of days", {200: CitinfosVisitors, **REFUSED}, query=WHERE | ranges.DATES)
def visitors() -> Response:
    """Without `start_date`, of the last 30 days."""
    return answer(_visitors(scope(), ranges.range_of(MONTH)))


@bp.get("/api/analytics/visitors/today")
@describe("Visitors of today", {200: CitinfosToday, **REFUSED}, query=WHERE)
def visitors_today() -> Response:
    """Since midnight in TIMEZONE."""
    today = _visitors(scope(), ranges.last(1))
    return answer(CitinfosToday(date=today.end_date, **dict(today)))


@bp.get("/api/analytics/visitors/weekly")
@describe("Visitors of the last 7 days", {200: CitinfosVisitors, **REFUSED}, query=WHERE)
def visitors_weekly() -> Response:
    """Today included."""
    return answer(_visitors(scope(), ranges.last(WEEK)))


@bp.get("/api/analytics/visitors/monthly")
@describe("Visitors of the last 30 days", {200: CitinfosVisitors, **REFUSED}, query=WHERE)
def visitors_monthly() -> Response:
    """Today included."""
    return answer(_visitors(scope(), ranges.last(MONTH)))


@both("growth")
@describe("Growth of visitors", {200: CitinfosGrowth, **REFUSED}, query=WHERE | ranges.PERIOD)
def growth() -> Response:
    """The last days, today included, compared with as many before."""
    where, period = scope(), ranges.period()
    length = ranges.PERIODS[period]
    days = ranges.last(length)
    now, before = (ranges.people(where, each).visitors for each in (days, ranges.before(days)))
    by_day = ranges.trend(where, days, DAY)
    difference = None if now is None or before is None else now - before
    return answer(
        CitinfosGrowth(
            period=period,
            current_period_visitors=now,
            previous_period_visitors=before,
            current_month_visitors=now,
            previous_month_visitors=before,
            growth_rate=ranges.rate(now, before),
            growth_count=difference,
            comparison_days=length,
            trend=_direction(difference),
            labels=[name for name, _ in by_day],
            visitor_counts=[people.visitors for _, people in by_day],
            timestamp=ranges.timestamp(),
        )
    )


@bp.get("/api/analytics/visitors/trends")
@describe(
    "Visitors by hour, day, week or month",
    {200: ListOf(CitinfosTrend), **REFUSED},
    query=WHERE | ranges.INTERVAL | ranges.DATES,
)
def trends() -> Response:
    """Every period of the range; without `start_date`, of 30 days."""
    trend, _, _ = _trend()
    return list_answer((_period(name, each) for name, each in trend), [])


@bp.get("/api/analytics/trends")
@describe(
    "Visitors by hour, day, week or month, as lists",
    {200: CitinfosTrendLists, **REFUSED},
    query=WHERE | ranges.INTERVAL | ranges.DATES,
)
def trends_of_server() -> Response:
    """Every period of the range; without `start_date`, of 30 days."""
    trend, days, interval = _trend()
    return answer(
        CitinfosTrendLists(
            labels=[name for name, _ in trend],
            total=[each.visitors for _, each in trend],
            authenticated=[each.authenticated for _, each in trend],
            anonymous=[each.anonymous for _, each in trend],
            start_date=days.start,
            end_date=days.end,
            interval=interval,
        )
    )


def _trend() -> tuple[list[tuple[str, Split]], Range, str]:
    where, interval = scope(), ranges.interval()
    days = ranges.range_of(MONTH, by_hour=interval == HOUR)
    return ranges.trend(where, days, interval), days, interval


def _period(name: str, people: Split) -> CitinfosTrend:
    counts = {"authenticated_visitors": people.authenticated, "anonymous_visitors": people.anonymous}
    return CitinfosTrend(label=name, date=name, total_visitors=people.visitors, **counts)


def _direction(difference: int | None) -> str | None:
    if difference is None:
        return None
    return "up" if difference > 0 else "down" if difference else "stable"


def _visitors(where: Scope, days: Range) -> CitinfosVisitors:
    people, before = ranges.people(where, days), ranges.people(where, ranges.before(days))
    start, end = ranges.moments(days)
    return CitinfosVisitors(
        community_id=None if where == SITE else where,
        start_date=days.start,
        end_date=days.end,
        total_visitors=people.visitors,
        total_unique_visitors=people.visitors,
        authenticated_visitors=people.authenticated,
        anonymous_visitors=people.anonymous,
        total_views=ranges.views(where, days),
        change_percentage=ranges.rate(people.visitors, before.visitors),
        authenticated_change=ranges.rate(people.authenticated, before.authenticated),
        anonymous_change=ranges.rate(people.anonymous, before.anonymous),
        date_range=CitinfosRange(start=start, end=end),
        timestamp=ranges.timestamp(),
    )
