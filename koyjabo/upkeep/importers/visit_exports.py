"""Reads exports with page views, from Umami and GoatCounter.

Umami: `website_event.csv` from Umami Cloud, as a file or in its zip archive; or the same table (since 2.11) from your
own database, together with the `session` table, which has browser and location (docs/import-export.md). A visit is a
distinct `visit_id` among page views (`event_type` 1). A visitor is a `session_id`. Times are UTC.

GoatCounter: its CSV export, gzipped or not. The first column names the format: 1 (GoatCounter 1.x) or 2 (2.x). A visit
is a session with at least one page view that is neither a bot's nor an event. A visitor is a session. In format 1, the
Browser column contains the user agent, and booleans are words, not digits. Times without an offset are UTC.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import partial

from koyjabo.base.core.sanitize import truncate, whole
from koyjabo.base.core.urls import referrer_path, sent_page
from koyjabo.base.network import geolocation, user_agents
from koyjabo.base.network.campaigns import NAMELESS, Campaign, of_page
from koyjabo.base.network.user_agents import DESKTOP, PHONE, UserAgent
from koyjabo.reports.visit_log import import_file
from .export import Export, ExportTable, ImportReport, Values, unusable
from .first_views_sqlite import FirstViews, PageView

EVENTS = "events"
"""Name for lines that are events."""

ID = re.compile(r"[A-Za-z0-9_.:\-]{1,100}", re.ASCII)
"""Visit and visitor ids. With the program's name as a prefix, an id has at most 128 characters."""

DEVICES = {"mobile": PHONE} | dict.fromkeys(("laptop", "smarttv", "console", "embedded"), DESKTOP)
CRAWLER = "searchbot"
BROWSERS = {
    "android": "Android",
    "chrome": "Chrome",
    "chromium-webview": "Chrome WebView",
    "crios": "Chrome",
    "edge": "Edge",
    "edge-chromium": "Edge",
    "edge-ios": "Edge",
    "facebook": "Facebook",
    "firefox": "Firefox",
    "fxios": "Firefox",
    "ie": "IE",
    "Internet Explorer": "IE",
    "instagram": "Instagram",
    "ios": "Safari",
    "ios-webview": "Safari UI WKWebView",
    "miui": "MiuiBrowser",
    "opera": "Opera",
    "opera-mini": "Opera Mini",
    "safari": "Safari",
    "samsung": "Samsung Internet",
    "silk": "Amazon Silk",
    "yandexbrowser": "Yandex Browser",
}
"""Browser names in ua-parser, by their names in detect-browser, which Umami uses, and in gadget (GoatCounter)."""

SYSTEMS = {"Amazon OS": "Android", "Android OS": "Android", "Mac OS": "macOS", **user_agents.SYSTEMS}
VERSION = re.compile(r" (?:[\d._]+|XP|Vista|ME|CE|Server.*)$")


def _user_agent(browser: str | None, system: str | None, device: str | None = None) -> str | None:
    """A text such as "Chrome on Android (phone)", which reports treat like a user agent."""
    if browser == CRAWLER:
        return CRAWLER  # with a system, it would be a person's browser
    name, system = (VERSION.sub("", text.strip()) for text in (browser or "", system or ""))
    parsed = UserAgent(BROWSERS.get(name, name), SYSTEMS.get(system, system), DEVICES.get(device or "", device or ""))
    return user_agents.written(parsed) or None


def _place(country: str | None, city: str | None = None) -> str | None:
    """A location such as "Dhaka, BD" or "Bangladesh"; None for an unknown code."""
    return whole(geolocation.named(country or "", " ".join((city or "").split()))) or None


def _campaign(**parameters: str) -> str | None:
    """A campaign as it is stored, with values that are not too long."""
    return Campaign.read(Campaign(**parameters).written()).written()


def _moment(row: Values, column: str, example: str) -> int:
    """A time as ms since 1970. A time without an offset is UTC. Raises ValueError."""
    try:
        return import_file.moment(row.get(column), UTC)
    except ValueError:
        raise ValueError(f"{column} must be a date and time, such as {example}") from None


def _views(
    table: ExportTable, report: ImportReport, parse: Callable[[int, Values], PageView | str]
) -> Iterator[PageView]:
    """The page views in a table. `parse` returns one, or what else a row is, or raises ValueError."""
    for number, row in table:
        try:
            view = parse(number, row)
        except ValueError as error:
            table.refuse(number, str(error))
            continue
        if isinstance(view, str):
            report.left_out[view] += 1
        else:
            report.page_views += 1
            yield view


UMAMI_EVENT = {"visit_id", "session_id", "event_type", "created_at"}
UMAMI_SESSION = {"session_id", "browser", "country"}
PAGE_VIEW = "1"
PERCENT = re.compile("%(?!2[346BCF]|3[ABDF]|40)", re.IGNORECASE)
"""A percent sign, except in the escapes of `#$&+,/:;=?@`, which JavaScript's `decodeURI` leaves."""

ESCAPE = re.compile(f"{PERCENT.pattern}[0-9A-F]{{2}}", re.IGNORECASE)
UNESCAPED = re.compile(r"""[^!-~]|["<>`{}]""")
"""Characters that browsers escape in paths."""

NO_EVENTS = (
    "No file in this export has the columns visit_id, session_id, event_type and created_at. Export the table "
    "website_event as described in docs/import-export.md; it has had visit_id since Umami 2.11."
)


def read_umami(export: Export, views: FirstViews, report: ImportReport) -> None:
    """Read an export. Raises Unusable."""
    has_events = False
    for table in export.tables():
        if set(table.columns) >= UMAMI_EVENT:
            has_events = True
            views.add(_views(table, report, _umami_view))
        elif set(table.columns) >= UMAMI_SESSION:
            rows = (row for _, row in table if "session_id" in row)
            views.describe({"visitor": row["session_id"], **_umami_traits(row)} for row in rows)
    if not has_events:
        raise unusable(export, "umami", NO_EVENTS)


def _umami_view(number: int, row: Values) -> PageView | str:
    if row.get("event_type") != PAGE_VIEW:
        return EVENTS
    return PageView(
        visit=_umami_id(row, "visit_id"),
        visitor=_umami_id(row, "session_id"),
        at_ms=_moment(row, "created_at", "2025-12-16 04:48:38"),
        number=number,
        page=sent_page(_umami_path(row, "url_path")),
        referrer=referrer_path(f"https://{row['referrer_domain']}{_umami_path(row, 'referrer_path')}")
        if "referrer_domain" in row
        else None,
        campaign=_umami_campaign(row),
        **_umami_traits(row),
    )


def _umami_traits(row: Values) -> dict[str, str | None]:
    return {
        "user_agent": _user_agent(row.get("browser"), row.get("os"), row.get("device")),
        "place": _place(row.get("country"), row.get("city")),
        "language": user_agents.first_of(row.get("language")),
        "host": row.get("hostname"),
    }


def _umami_path(row: Values, column: str) -> str:
    """A path as the browser sent it. Umami decodes it as a whole, or not at all if it cannot (`decodeURI`)."""
    path = row.get(column, "").partition("#")[0]
    is_decoded = UNESCAPED.search(path) or not ESCAPE.search(path)
    return PERCENT.sub("%25", path) if is_decoded else path


def _umami_campaign(row: Values) -> str | None:
    """The utm_ columns, since Umami 2.18, or else the query's parameters."""
    columns = {name: row[name] for name in Campaign._fields if name in row}
    return _campaign(**columns) or of_page(f"?{row.get('url_query', '')}")


def _umami_id(row: Values, column: str) -> str:
    value = row.get(column, "")
    if not ID.fullmatch(value):
        raise ValueError(f"{column} must be an ID of 1 to 100 characters")
    return value


GOATCOUNTER_FORMATS = ("1Path", "2Path")
GOATCOUNTER = {"Event", "Bot", "Session", "Date"}
GOATCOUNTER_SESSION = re.compile(r"[0-9a-f]{1,32}")
"""A session: 128 bits in hexadecimal. Format 1 writes them as a UUID."""

BOTS, WITHOUT_SESSION = "bot hits", "page views without a session"
HTTP, GENERATED, CAMPAIGN = "h", "g", "c"
"""Kinds of referrers."""

GROUPS = {
    "Baidu": "baidu.com",
    "Google": "google.com",
    "Hacker News": "news.ycombinator.com",
    "Slack Chat": "com.slack",
    "Telegram Messenger": "t.me",
    "Yahoo": "search.yahoo.com",
    "Yandex": "yandex.com",
}
"""Names that GoatCounter writes in place of referrers that have many hosts."""

NO_EXPORT = (
    "This is not a GoatCounter CSV export in format 1 or 2: the first column must be 1Path or 2Path, and the other "
    "columns must include Event, Bot, Session and Date. In GoatCounter: Settings, Export."
)


def read_goatcounter(export: Export, views: FirstViews, report: ImportReport) -> None:
    """Read an export. Raises Unusable."""
    has_hits = False
    for table in export.tables():
        has_hits = True
        if not table.columns or table.columns[0] not in GOATCOUNTER_FORMATS or not set(table.columns) >= GOATCOUNTER:
            raise unusable(export, "goatcounter", NO_EXPORT)
        views.add(_views(table, report, partial(_goatcounter_view, table.columns[0])))
    if not has_hits:
        raise unusable(export, "goatcounter", NO_EXPORT)


def _goatcounter_view(path: str, number: int, row: Values) -> PageView | str:
    """Parse a row. `path` is the name of the first column."""
    if path == GOATCOUNTER_FORMATS[0]:
        row["UserAgent"] = row.pop("Browser", "")
    session = row.get("Session", "").replace("-", "").lower().lstrip("0")
    if row.get("Event", "0").lower() not in ("0", "false"):
        return EVENTS
    if row.get("Bot", "0") != "0":
        return BOTS
    if not session:
        return WITHOUT_SESSION
    if not GOATCOUNTER_SESSION.fullmatch(session):
        raise ValueError("Session must be a 128-bit number in hexadecimal")
    referrer, campaign = _origin(row)
    return PageView(
        visit=session,
        visitor=session,
        at_ms=_moment(row, "Date", "2025-12-16T04:48:38Z"),
        number=number,
        page=sent_page(row.get(path, "")),
        referrer=referrer_path(referrer),
        campaign=campaign,
        user_agent=truncate(row.get("UserAgent", "")) or _user_agent(row.get("Browser"), row.get("System")),
        place=_place(row.get("Location", "").partition("-")[0]),
    )


def _origin(row: Values) -> tuple[str | None, str | None]:
    """The referrer and the campaign, derived from GoatCounter's referrer and its kind."""
    text, scheme = row.get("Referrer", ""), row.get("Referrer scheme")
    if scheme == CAMPAIGN and "://" in text:  # the campaign had no source, and its name is not exported
        return text, NAMELESS
    if scheme == CAMPAIGN:
        return None, _campaign(**{"utm_campaign" if "1Path" in row else "utm_source": text})
    if scheme == GENERATED:
        text = GROUPS.get(text, text)
    return (f"https://{text}" if text and scheme == HTTP else text), None
