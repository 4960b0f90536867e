"""Reads Umami's exports: `website_event.csv` from Umami Cloud, as a file or in its zip archive; or the same table
(since 2.11) from your own database, together with the `session` table, which has browser and location
(docs/import-export.md).

A visit is a distinct `visit_id` among page views (`event_type` 1). A visitor is a `session_id`. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator

from koyjabo.importers import traits
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.importers.first_views_sqlite import FirstViews, PageView, VisitorTraits
from koyjabo.importers.records import ExportTable, Values
from koyjabo.importers.report import ImportReport
from koyjabo.network import languages

EVENT = {"visit_id", "session_id", "event_type", "created_at"}
SESSION = {"session_id", "browser", "country"}
PAGE_VIEW = "1"
OTHERS = "events"

NO_EVENTS = (
    "No file in this export has the columns visit_id, session_id, event_type and created_at. Exports from Umami's "
    "dashboard (pages.csv, countries.csv, …) have sums without dates, which cannot be counted. Export the table "
    "website_event as described in docs/import-export.md; it has had visit_id since Umami 2.11."
)


def read(export: Export, views: FirstViews, report: ImportReport) -> None:
    """Read an export. Raises UnusableExport."""
    has_events = False
    for table in export.tables():
        if set(table.columns) >= EVENT:
            has_events = True
            views.add(_views(table, report))
        elif set(table.columns) >= SESSION:
            views.describe(_visitors(table))
    if not has_events:
        raise UnusableExport(NO_EVENTS)


def _views(table: ExportTable, report: ImportReport) -> Iterator[PageView]:
    for number, row in table:
        if row.get("event_type") != PAGE_VIEW:
            report.left_out[OTHERS] += 1
            continue
        try:
            yield _view(number, row)
        except ValueError as error:
            table.refuse(number, str(error))
        else:
            report.page_views += 1


def _view(number: int, row: Values) -> PageView:
    """Parse a row as a page view. Raises ValueError."""
    return PageView(
        visit=_id(row, "visit_id"),
        visitor=_id(row, "session_id"),
        at_ms=_moment(row),
        number=number,
        page=traits.page(row.get("url_path")),
        referrer=_referrer(row),
        campaign=traits.campaign(row.get("url_query")),
        **_traits(row),
    )


def _visitors(table: ExportTable) -> Iterator[VisitorTraits]:
    return (VisitorTraits(row["session_id"], **_traits(row)) for _, row in table if "session_id" in row)


def _traits(row: Values) -> dict[str, str | None]:
    return {
        "user_agent": traits.user_agent(row.get("browser"), row.get("os"), row.get("device")),
        "place": traits.place(row.get("country"), row.get("city")),
        "language": languages.first_of(row.get("language")),
    }


def _referrer(row: Values) -> str | None:
    domain = row.get("referrer_domain")
    if not domain or domain == row.get("hostname"):
        return None
    return traits.referrer(f"https://{domain}{row.get('referrer_path', '')}")


def _id(row: Values, column: str) -> str:
    value = row.get(column, "")
    if not traits.ID.fullmatch(value):
        raise ValueError(f"{column} must be an ID of 1 to 100 characters")
    return value


def _moment(row: Values) -> int:
    try:
        return traits.moment(row.get("created_at"))
    except ValueError:
        raise ValueError("created_at must be a date and time, such as 2025-12-16 04:48:38") from None
