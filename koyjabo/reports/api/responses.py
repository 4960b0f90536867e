"""Response bodies for reports: as models that describe them, as JSON, and as CSV rows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from koyjabo.reports.engine.results import Breakdown, Hours, Period, Row, Summary
from koyjabo.reports.query.groups import Sums

Object = dict[str, Any]
Number = int | None

REASON = "why a number is null; absent if all are known"
ATTENDED = "visits whose page was visible for 1 s or more"
ATTENDED_S = "their time in s"
PERIOD = "an hour with its offset, a day, a Monday, or the first day of a month"


class FiguresResponse(BaseModel):
    """The figures for a range of days. A figure is null if it cannot be known exactly. Nothing is estimated."""

    start: str = Field(examples=["2026-10-24"])
    end: str = Field(description="the last day, included", examples=["2026-11-22"])
    visits: Number
    visitors: Number = Field(description="different visitors")
    new_visitors: Number = Field(description="visits that were the first of their visitor")
    returning_visitors: Number = Field(description="visitors − new_visitors")
    page_views: Number = Field(description="visits that name a page, plus `pageview` events")
    events: Number = Field(description="events without page views")
    peak_active: Number = Field(description="the most active visitors at once; null with a filter")
    attended: Number = Field(description=ATTENDED)
    attended_s: Number = Field(description=ATTENDED_S)
    median_s: Number = Field(
        description="the median time of measured visits, in s; null if there are none, or if days are rolled up"
    )


class ComparedResponse(FiguresResponse):
    """The figures for the other range."""

    until: str | None = Field(description="the local time when it ends, if the range ends today")


class SummaryResponse(FiguresResponse):
    """The figures for a range, and for the range it is compared with."""

    compared: ComparedResponse | None
    exact: bool
    reason: str | None = Field(None, description=REASON)


class PeriodResponse(BaseModel):
    """The figures for one period."""

    period: str = Field(description=PERIOD, examples=["2026-11-21"])
    visits: Number
    visitors: Number
    new_visitors: Number
    page_views: Number
    so_far: bool = Field(description="the period has not ended yet")
    attended: Number = Field(description=ATTENDED)
    attended_s: Number = Field(description=ATTENDED_S)


class SumsResponse(BaseModel):
    """Sums of visits."""

    visits: Number
    visitors: Number
    new_visitors: Number
    count: Number = Field(None, description="page views or events, for dimensions that count them")
    attended: Number = Field(description=ATTENDED)
    attended_s: Number = Field(description=ATTENDED_S)


class TotalResponse(SumsResponse):
    """The sums for several values."""

    values: int = Field(description="number of values; rolled-up days keep their 1,000 largest")


class RowResponse(SumsResponse):
    """The sums for one value."""

    value: str | None = Field(description="null: not recorded")
    label: str = Field(description="display text, in the language of Accept-Language")
    share: float | None = Field(description="share of all visits, 0 to 1")
    at_least: bool | None = Field(None, description="true if rolled-up days may lack some of its visits")


class BreakdownResponse(BaseModel):
    """The values with the most visits. `other` is everything that is not in `rows`."""

    rows: list[RowResponse]
    other: TotalResponse
    total: TotalResponse
    exact: bool
    reason: str | None = Field(None, description=REASON)


class HoursResponse(BaseModel):
    """Visits by weekday, Monday first, and hour."""

    rows: list[list[int]] = Field(description="7 rows of 24 numbers; empty if they cannot be known exactly")
    exact: bool
    reason: str | None = Field(None, description=REASON)


def summary(report: Summary) -> Object:
    compared = None if report.compared is None else {**report.compared._asdict(), "until": report.until}
    return {**report.figures._asdict(), "compared": compared, **_exact(report.reason)}


def timeline(report: list[Period]) -> list[Object]:
    return [period._asdict() for period in report]


def breakdown(report: Breakdown) -> Object:
    return {
        "rows": [_row(row, report.is_counted) for row in report.rows],
        "other": {**_sums(report.other, report.is_counted), "values": report.values - len(report.rows)},
        "total": {**_sums(report.total, report.is_counted), "values": report.values},
        **_exact(report.reason),
    }


def hours(report: Hours) -> Object:
    return {"rows": report.rows, **_exact(report.reason)}


def summary_rows(report: Summary) -> list[Object]:
    compared = [] if report.compared is None else [{**report.compared._asdict(), "until": report.until}]
    return [{**figures, "exact": report.exact} for figures in ({**report.figures._asdict(), "until": None}, *compared)]


def breakdown_rows(report: Breakdown) -> list[Object]:
    exact = report.reason is None
    return [{**_row(row, report.is_counted), "at_least": row.at_least, "exact": exact} for row in report.rows]


def hours_rows(report: Hours) -> list[Object]:
    return [
        {"weekday": day + 1, "hour": hour, "visits": row[hour] if row else None, "exact": report.reason is None}
        for day, row in enumerate(report.rows or [[]] * 7)
        for hour in range(24)
    ]


def _row(row: Row, is_counted: bool) -> Object:
    named = {"value": row.value, "label": row.label, **_sums(row.sums, is_counted), "share": row.share}
    return {**named, "at_least": True} if row.at_least else named


def _sums(sums: Sums, is_counted: bool) -> Object:
    return {name: number for name, number in sums._asdict().items() if name != "count" or is_counted}


def _exact(reason: str | None) -> Object:
    return {"exact": True} if reason is None else {"exact": False, "reason": reason}
