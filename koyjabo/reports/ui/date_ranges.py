"""Parses the date ranges of reports from query arguments."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from flask import Request

from koyjabo.core.errors import InvalidInput
from koyjabo.reports.community_people import DAILY, GRANULARITIES, HOURLY, MONTH
from koyjabo.reports.query.parameters import NOT_A_DAY, read_day

NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
MOST_YEARS = 5
MOST_DAYS_BY_HOUR = 31
MOST_DAYS_TO_GROW = 1826
GROWTH_DAYS = 7

RANGE = {
    "start": "first day, YYYY-MM-DD in TIMEZONE; default 30 days up to `end`",
    "end": f"last day, included, at most {MOST_YEARS} years after the first; default today",
}
GRANULARITY = {
    "granularity": "hourly (at most 31 days; default one day), daily (default) or weekly (ISO weeks)",
    **RANGE,
}
GROWTH = {"days": f"1 to {MOST_DAYS_TO_GROW}; default {GROWTH_DAYS}"}


class Range(NamedTuple):
    """The days `start` to `end`, inclusive."""

    start: str
    end: str

    @classmethod
    def of(cls, request: Request, today: str, by_hour: bool = False) -> Range:
        """Parse the range. Raises InvalidInput with a reason per field."""
        end = _day(request, "end") or date.fromisoformat(today)
        start = _day(request, "start") or end - timedelta(days=0 if by_hour else MONTH - 1)
        if start > end:
            _refuse("start", f"must not be after the last day, {end}")
        if by_hour and (end - start).days >= MOST_DAYS_BY_HOUR:
            _refuse("start", f"must be less than {MOST_DAYS_BY_HOUR} days before {end} when granularity is hourly")
        if end >= _years_after(start):
            _refuse("start", f"must be less than {MOST_YEARS} years before {end}")
        return cls(start.isoformat(), end.isoformat())


def trend_of(request: Request, today: str) -> tuple[str, Range]:
    """Parse the granularity, and the range, whose maximum length depends on the granularity."""
    granularity = request.args.get("granularity", DAILY)
    if granularity not in GRANULARITIES:
        _refuse("granularity", "must be hourly, daily or weekly")
    return granularity, Range.of(request, today, by_hour=granularity == HOURLY)


def growth_days_of(request: Request) -> int:
    value = request.args.get("days", str(GROWTH_DAYS))
    if not NUMBER.fullmatch(value) or not 1 <= int(value) <= MOST_DAYS_TO_GROW:
        _refuse("days", f"must be a whole number from 1 to {MOST_DAYS_TO_GROW}")
    return int(value)


def _day(request: Request, name: str) -> date | None:
    value = request.args.get(name)
    day = None if value is None else read_day(value)
    if value is not None and day is None:
        _refuse(name, NOT_A_DAY)
    return day


def _years_after(day: date) -> date:
    year = day.year + MOST_YEARS
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def _refuse(field: str, reason: str) -> None:
    raise InvalidInput(details={field: reason})
