"""The results of reports. A number is None if it cannot be known exactly; the result then gives the reason."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.base.core.i18n import N_
from koyjabo.reports.query.groups import Sums
from koyjabo.reports.query.report_query import Question, Value, one_value

FOLDED = N_(
    "Some visits of these days are rolled up, so visitors over several days cannot be counted. With "
    "one filter, only visits are known; with more, nothing is."
)
FOLDED_VALUE = N_(
    "Some visits of these days are rolled up, and this value is not among the 1,000 largest kept for a day."
)
FOLDED_EVENTS = N_(
    "Some page views and events of these days belong to earlier visits that are already rolled up. "
    "They cannot be filtered."
)
FOLDED_MEDIAN = N_("Some visits of these days are rolled up, so their median time is not known.")
"""Reasons why a result is not exact."""


def reason_of_folded(question: Question, knows_visits: bool) -> str:
    """Return why not everything is known about rolled-up days."""
    return FOLDED if knows_visits or not one_value(question) else FOLDED_VALUE


MOST_ROWS = 1_000
"""Maximum number of rows of a breakdown in one result (specification: Questions)."""


class Figures(NamedTuple):
    start: str  # the first day
    end: str  # the last day, inclusive
    visits: int | None
    visitors: int | None
    new_visitors: int | None
    returning_visitors: int | None
    page_views: int | None
    events: int | None
    peak_active: int | None
    attended: int | None
    attended_s: int | None
    median_s: int | None  # also None if no visit was measured


class Summary(NamedTuple):
    figures: Figures
    compared: Figures | None
    until: str | None  # local time in ISO 8601 that the compared range was cut at; None if it was not
    reason: str | None  # why the result is not exact; None if it is

    @property
    def exact(self) -> bool:
        return self.reason is None


class Period(NamedTuple):
    """The figures for one period: an hour with its offset (`2026-11-21T14:00:00+06:00`), a day, a Monday, or the first
    day of a month.
    """

    period: str
    visits: int | None
    visitors: int | None
    new_visitors: int | None
    page_views: int | None
    so_far: bool
    attended: int | None
    attended_s: int | None


class Row(NamedTuple):
    """One value of a dimension. `label` is for people, in the requested language."""

    value: Value
    label: str
    sums: Sums
    share: float | None  # of all visits, 0 to 1
    at_least: bool = False  # True if some days may lack this value, because they keep only their largest values


class Breakdown(NamedTuple):
    """The rows of a breakdown. `total` is the summary, `other` everything that is not in `rows`, and `values` the
    number of all values. `is_counted` says whether the dimension counts page views or events.
    """

    rows: list[Row]
    other: Sums
    total: Sums
    values: int
    reason: str | None
    is_counted: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether a value that is missing from the rows has no visits."""
        return self.reason is None and len(self.rows) == self.values


class SnapshotTotals(NamedTuple):
    """A scope's figures in a snapshot that includes every visit up to `at_ms`."""

    total: int  # the latest visit number
    today: int
    unique_visitors: int
    at_ms: int


class Hours(NamedTuple):
    """Visits by weekday and hour: 7 rows, Monday first, of 24 numbers each."""

    rows: list[list[int]]
    reason: str | None
