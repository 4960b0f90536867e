"""The keys of `insight_sums` and `event_sums`."""

from __future__ import annotations

from koyjabo.reports.query.report_query import Value

TOTAL, HOUR = "total", "hour"
"""Dimensions whose only value is ALL: visits by day and by hour, and page views by hour. `count` is the number of
visits with a page.
"""

EVENT, VIEWED_PAGE = "event", "viewed_page"
"""Events by name, and page views by page. Properties have the dimensions `event:{name}:{property}`."""

PROPERTIES = f"{EVENT}:"
"""Prefix of property dimensions."""

ALL = ""
MARK = "~"
NONE = MARK
OTHER = "~other"
"""The value that replaces all values of a rolled-up day that are not among its largest."""

REST = f"{PROPERTIES}{OTHER}"
"""A dimension with OTHER as its only value, for the properties that a rolled-up day has lost."""

MOST_VALUES = 1_000
"""Maximum number of values per dimension, and of properties, that a rolled-up day keeps (specification: Reports)."""


def encoded(value: Value) -> str:
    if value is None:
        return NONE
    return MARK + value if value.startswith(MARK) else value


def decoded(text: str) -> Value:
    """Reverse `encoded`. OTHER is not one of its results."""
    if text == NONE:
        return None
    return text.removeprefix(MARK)


def hour(hour_s: int) -> str:
    """Return the `period` value for an hour of visits, as text that sorts like the number."""
    return f"{hour_s:010}"


def property_of(dimension: str) -> tuple[str, str]:
    """Return the event name and the property name from `event:{name}:{property}`."""
    _, name, property_ = dimension.split(":", 2)
    return name, property_
