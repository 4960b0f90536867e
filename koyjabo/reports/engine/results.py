"""The results of reports, which are also their JSON and the rows of their CSV files. OpenAPI shows the descriptions of
the fields.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from koyjabo.base.core.i18n import N_
from koyjabo.columns.dimensions.dimensions import Value
from koyjabo.columns.query.groups import AttendedS, AttendedVisits, Sums

REDUCED_VISITS_REASON = N_(
    "Visitors of old visits count once a calendar month, because these visits have a new id every month."
)
"""Why a result is not exact."""

OTHER_VALUES = "other"
"""Label of the last row of a CSV file that has not all values."""

MAX_BREAKDOWN_ROWS = 1_000
"""Maximum number of rows of a breakdown in one result (specification: Queries)."""

Object = dict[str, Any]


class Figures(NamedTuple):
    start: Annotated[str, Field(examples=["2026-10-24"])]
    end: Annotated[str, Field(description="the last day, included", examples=["2026-11-22"])]
    visits: int
    visitors: Annotated[int, Field(description="different visitors")]
    new_visitors: Annotated[int, Field(description="visits that were the first of their visitor")]
    returning_visitors: Annotated[int, Field(description="visitors − new_visitors")]
    page_views: Annotated[int, Field(description="visits that name a page, plus `pageview` events")]
    events: Annotated[int, Field(description="events without page views")]
    peak_active: Annotated[int | None, Field(description="the most active visitors at once; null with a filter")]
    attended: AttendedVisits
    attended_s: AttendedS
    median_s: Annotated[
        int | None, Field(description="the median time of measured visits, in s; null if there are none")
    ]


class Summary(NamedTuple):
    figures: Figures
    compared: Figures | None
    measured: int | None  # visits whose time was measured; not in the JSON
    until: str | None  # local time in ISO 8601 that the compared range was cut at; None if it was not
    reason: str | None  # why the result is not exact; None if it is

    @property
    def exact(self) -> bool:
        return self.reason is None

    def as_json(self) -> Object:
        compared = {**self.compared._asdict(), "until": self.until} if self.compared else None
        return {**self.figures._asdict(), "compared": compared, **_exact(self.reason)}

    def csv_rows(self) -> Iterator[Object]:
        for figures, until in ((self.figures, None), (self.compared, self.until)):
            if figures:
                yield {**figures._asdict(), "until": until, "exact": self.exact}


class Period(NamedTuple):
    """The figures for one period."""

    period: Annotated[
        str,
        Field(
            description="an hour with its offset, a day, a Monday, or the first day of a month",
            examples=["2026-11-21"],
        ),
    ]
    visits: int
    visitors: int
    new_visitors: int
    page_views: int
    so_far: Annotated[bool, Field(description="the period has not ended yet")]
    attended: AttendedVisits
    attended_s: AttendedS


class Row(NamedTuple):
    """The sums for one value."""

    value: Value
    label: str
    sums: Sums
    share: float | None  # of all visits, 0 to 1; None for the last row of a CSV file that has not all values
    visitor_share: float | None = None  # of visitors with and without the event, 0 to 1; None for other dimensions

    def as_json(self, is_counted: bool) -> Object:
        row = {"value": self.value, "label": self.label, **self.sums.as_json(is_counted), "share": self.share}
        return row if self.visitor_share is None else {**row, "visitor_share": self.visitor_share}


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
        return len(self.rows) == self.values

    def as_json(self) -> Object:
        return {
            "rows": [row.as_json(self.is_counted) for row in self.rows],
            "other": {**self.other.as_json(self.is_counted), "values": self.values - len(self.rows)},
            "total": {**self.total.as_json(self.is_counted), "values": self.values},
            **_exact(self.reason),
        }

    def csv_rows(self) -> Iterator[Object]:
        rows = self.rows
        if len(rows) < self.values:
            rows = [*rows, Row(None, OTHER_VALUES, self.other, None)]
        for row in rows:
            yield {**row.as_json(self.is_counted), "exact": self.reason is None}


class SnapshotTotals(NamedTuple):
    """A scope's latest visit number in a snapshot that includes every visit up to `at_ms`."""

    total: int
    at_ms: int


Result = Summary | Breakdown | list[Period]


def as_json(result: Result) -> Object | list[Object]:
    return [period._asdict() for period in result] if isinstance(result, list) else result.as_json()


def csv_rows(result: Result) -> Iterator[Object]:
    """Yield a dict for each row of the CSV file."""
    return (period._asdict() for period in result) if isinstance(result, list) else result.csv_rows()


def _exact(reason: str | None) -> Object:
    return {"exact": True} if reason is None else {"exact": False, "reason": reason}
