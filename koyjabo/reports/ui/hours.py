"""Visits by weekday and hour, as a table, and the busiest hour in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from babel.dates import get_day_names
from flask_babel import gettext as _

from koyjabo.reports.engine.answers import Hours
from koyjabo.webkit.i18n import digits, language


class HourTable(NamedTuple):
    days: list[str]
    hours: list[str]
    rows: list[list[int]]  # none if they are not known
    busiest: str  # in words; "" without visits
    reason: str | None


def hour_table(report: Hours) -> HourTable:
    hours = [digits(f"{hour:02}") for hour in range(24)]
    return HourTable(_days("abbreviated"), hours, report.rows, _busiest(report.rows), report.reason)


def _days(width: Literal["abbreviated", "wide"]) -> list[str]:
    names = get_day_names(width, context="stand-alone", locale=language())
    return [names[day] for day in range(7)]


def _busiest(rows: list[list[int]]) -> str:
    cells = ((value, -day, -hour) for day, row in enumerate(rows) for hour, value in enumerate(row))
    most, day, hour = max(cells, default=(0, 0, 0))
    if not most:
        return ""
    return str(_("Busiest: %(day)s, %(hour)s", day=_days("wide")[-day], hour=digits(f"{-hour:02}:00")))
