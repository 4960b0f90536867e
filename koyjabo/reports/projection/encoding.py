"""How `insight_sums` writes dimensions, periods and values."""

from __future__ import annotations

from koyjabo.reports.query.report_query import Value

TOTAL, HOUR = "total", "hour"
"""Dimensions with one value, ALL: by day and by hour. They count the visits that name a page."""

ALL = ""
MARK = "~"
NONE = MARK
OTHER = "~other"
"""The values of a folded day that are not among its largest."""


def encoded(value: Value) -> str:
    if value is None:
        return NONE
    return MARK + value if value.startswith(MARK) else value


def decoded(text: str) -> Value:
    """The opposite of `encoded`; OTHER is none of its results."""
    if text == NONE:
        return None
    return text.removeprefix(MARK)


def hour(hour_s: int) -> str:
    """The period of an hour: texts compare as their numbers."""
    return f"{hour_s:010}"
