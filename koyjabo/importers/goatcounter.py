"""Reads GoatCounter's CSV export, gzipped or not. The first column names the format: 1 (GoatCounter 1.x) or 2 (2.x).

A visit is a session with at least one page view that is neither a bot's nor an event. A visitor is a session. In format
1, the Browser column contains the user agent. Times without an offset are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from koyjabo.importers import traits
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.importers.first_views_sqlite import FirstViews, PageView
from koyjabo.importers.records import ExportTable, Values
from koyjabo.importers.report import ImportReport
from koyjabo.network.campaigns import Campaign

FORMATS = ("1Path", "2Path")
COLUMNS = {"Event", "Bot", "Session", "Date"}
SESSION = re.compile(r"[0-9a-f]{1,32}")
"""A session: 128 bits in hexadecimal. Format 1 writes them as a UUID."""

EVENTS, BOTS, WITHOUT_SESSION = "events", "bot hits", "page views without a session"
HTTP, GENERATED, CAMPAIGN = "h", "g", "c"
"""Kinds of referrers."""

GROUPS = {"Google": "google.com", "Hacker News": "news.ycombinator.com", "Telegram Messenger": "t.me"}
"""Names that GoatCounter writes in place of referrers that have many hosts."""

NO_EXPORT = (
    "This is not a GoatCounter CSV export in format 1 or 2: the first column must be 1Path or 2Path, and the other "
    "columns must include Event, Bot, Session and Date. In GoatCounter: Settings, Export."
)


def read(export: Export, views: FirstViews, report: ImportReport) -> None:
    """Read an export. Raises UnusableExport."""
    has_hits = False
    for table in export.tables():
        has_hits = True
        if not table.columns or table.columns[0] not in FORMATS or not set(table.columns) >= COLUMNS:
            raise UnusableExport(NO_EXPORT)
        views.add(_views(table, report))
    if not has_hits:
        raise UnusableExport(NO_EXPORT)


def _views(table: ExportTable, report: ImportReport) -> Iterator[PageView]:
    path = table.columns[0]
    for number, row in table:
        row["Path"] = row.get(path, "")
        if path == FORMATS[0]:
            row["UserAgent"] = row.pop("Browser", "")
        session = row.get("Session", "").replace("-", "").lower().lstrip("0")
        reason = _no_visit(row, session)
        if reason:
            report.left_out[reason] += 1
            continue
        try:
            yield _view(number, row, session)
        except ValueError as error:
            table.refuse(number, str(error))
        else:
            report.page_views += 1


def _no_visit(row: Values, session: str) -> str | None:
    if row.get("Event") == "true":
        return EVENTS
    if row.get("Bot", "0") != "0":
        return BOTS
    return None if session else WITHOUT_SESSION


def _view(number: int, row: Values, session: str) -> PageView:
    """Parse a row as a page view. Raises ValueError."""
    if not SESSION.fullmatch(session):
        raise ValueError("Session must be a 128-bit number in hexadecimal")
    referrer, campaign = _origin(row.get("Referrer", ""), row.get("Referrer scheme"))
    return PageView(
        visit=session,
        visitor=session,
        at_ms=_moment(row),
        number=number,
        page=traits.page(row["Path"]),
        referrer=traits.referrer(referrer),
        campaign=campaign,
        user_agent=traits.agent(row.get("UserAgent")) or traits.user_agent(row.get("Browser"), row.get("System")),
        place=traits.place(row.get("Location", "").partition("-")[0]),
    )


def _origin(text: str, scheme: str | None) -> tuple[str | None, str | None]:
    """The referrer and the campaign, derived from GoatCounter's referrer and its kind."""
    if scheme == CAMPAIGN:
        return None, Campaign(utm_campaign=text).written()
    if scheme == GENERATED:
        text = GROUPS.get(text, text)
    return (f"https://{text}" if text and scheme == HTTP else text), None


def _moment(row: Values) -> int:
    try:
        return traits.moment(row.get("Date"))
    except ValueError:
        raise ValueError("Date must be a date and time, such as 2025-12-16T04:48:38Z") from None
