"""Plausible: the visits of each day are `visits` in `imported_visitors_*.csv`.

Reads the zip archive of Settings, Imports & exports (since Community Edition 2.1), or that file of it. Days are in the
time zone of the site there.
"""

from __future__ import annotations

from koyjabo.importers.days import Days
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.importers.report import Report

COLUMNS = {"date", "visitors", "pageviews", "bounces", "visits", "visit_duration"}
"""Of imported_visitors. Other files of the archive have a dimension beside them."""

NO_VISITORS = (
    "No file of this export has the columns of Plausible's imported_visitors: date, visitors, pageviews, bounces, "
    "visits and visit_duration. What the dashboard exports is filtered and may be by hour or month. In Plausible: "
    "Settings, Imports & exports, Prepare export."
)


def read(export: Export, days: Days, report: Report) -> None:
    """Raises UnusableExport."""
    found = False
    for table in export.tables():
        if set(table.columns) != COLUMNS:
            continue
        found = True
        for number, row in table:
            try:
                days.add(row.get("date", ""), row.get("visits", ""))
            except ValueError as error:
                table.refuse(number, str(error))
    if not found:
        raise UnusableExport(NO_VISITORS)
