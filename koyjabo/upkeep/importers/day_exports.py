"""Reads exports with daily sums, from Plausible and Google Analytics 4.

Plausible: the `visits` column of `imported_visitors_*.csv`, as a file or in the zip archive from Settings, Imports &
exports (since Community Edition 2.1).

Google Analytics: sessions, from the CSV of an exploration with the dimension Date and the metric Sessions, or of a
report whose chart shows Sessions by "Nth day". Comments (#) and blank lines separate its sections. Column names are in
the user's language.

Days are in the site's time zone in the other program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from koyjabo.reports.visit_log.file_lines import BadLine
from koyjabo.upkeep.importers.export import Export, ImportReport, Record, UnusableExport
from koyjabo.upkeep.importers.known_files import unusable

DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
GROUPED = re.compile(r"\d{1,3}(?:([,.\u00a0\u202f ’'])\d{3})(?:\1\d{3})*|\d{1,15}", re.ASCII)
"""A whole number, with or without thousands separators."""

MOST = 10**12
EARLIEST = "1970-01-02"

COLUMNS = {"date", "visitors", "pageviews", "bounces", "visits", "visit_duration"}
"""Columns of imported_visitors. The archive's other files have an additional dimension."""

NO_VISITORS = (
    "No file in this export has the columns of Plausible's imported_visitors: date, visitors, pageviews, bounces, "
    "visits and visit_duration. In Plausible: Settings, Imports & exports, Prepare export."
)

SESSIONS = frozenset(
    ["sessions", "sessioni", "sessies", "sessões", "sesiones", "sesje", "sesi", "sitzungen", "oturumlar", "сеансы"]
).union(["সেশন", "सेशन", "セッション", "会话"])
NTH_DAY, NTH = "Nth day", re.compile(r"\d{1,4}", re.ASCII)
DATE = re.compile(r"#[^:#]*: ?(\d{8})", re.ASCII)
"""A comment containing a date. The last two dates before a section are the report's first and last days."""

NO_SESSIONS = (
    "This file has no sessions by date. In Google Analytics: Explore, a free-form exploration with Date as the only "
    "row dimension, Sessions as the value, and all rows shown. Export it as CSV."
)


class DaySums:
    """A file's visits by day, YYYY-MM-DD, up to `today`."""

    def __init__(self, today: str) -> None:
        self.visits: dict[str, int] = {}
        self._today = today

    def add(self, day: str, visits: str) -> None:
        """Add a day. Raises ValueError for an unusable line, UnusableExport for a repeated day."""
        iso_day = _day(day)
        if not EARLIEST <= iso_day <= self._today:
            raise ValueError("the day is in the future, or before 1970")
        number = _number(visits)
        if iso_day in self.visits:
            raise UnusableExport(
                f"The file has several lines for {iso_day}, so their sum may count visits twice. Export visits by "
                "day, without other dimensions or a comparison."
            )
        self.visits[iso_day] = number


def _day(text: str) -> str:
    if DAY.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise ValueError("the day must be a date, such as 2025-12-16 or 20251216")


def _number(text: str) -> int:
    if not GROUPED.fullmatch(text):
        raise ValueError("the number of visits must be a whole number")
    number = int(re.sub(r"\D", "", text))
    if number > MOST:
        raise ValueError("the number of visits is too large")
    return number


def read_plausible(export: Export, days: DaySums, report: ImportReport) -> None:
    """Read Plausible's export. Raises UnusableExport."""
    has_days = False
    for table in export.tables():
        if set(table.columns) != COLUMNS:
            continue
        has_days = True
        for number, row in table:
            try:
                days.add(row.get("date", ""), row.get("visits", ""))
            except ValueError as error:
                table.refuse(number, str(error))
    if not has_days:
        raise unusable(export, "plausible", NO_VISITORS)


def read_google_analytics(export: Export, days: DaySums, report: ImportReport) -> None:
    """Read Google Analytics' export. Raises UnusableExport."""
    has_days = False
    for member in export.members:
        for number, row in _rows(export.records(member)):
            has_days = True
            try:
                days.add(*row)
            except ValueError as error:
                report.refuse(BadLine(number, str(error)))
    if not has_days:
        raise unusable(export, "ga4", NO_SESSIONS)


def _rows(records: Iterator[Record]) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the line number, day and sessions of each row that has them, as written in the file."""
    section: _Section | None = None
    dates: list[str] = []
    for number, values in records:
        if not values or values[0].startswith("#"):
            dates = dates if section is None else []
            dates += DATE.findall(values[0]) if values else []
            section = None
        elif section is None:
            section = _Section(values, dates[-2] if len(dates) > 1 else None)
        else:
            row = section.row(values)
            if row:
                yield number, row


class _Section:
    """A header and the rows below it. `start` is the report's first day, YYYYMMDD."""

    def __init__(self, columns: list[str], start: str | None) -> None:
        names = [name.strip().casefold() for name in columns]
        self._sessions = next((at for at, name in enumerate(names) if at and name in SESSIONS), None)
        self._start = start if columns[0] == NTH_DAY else None
        self._is_by_day = False

    def row(self, values: list[str]) -> tuple[str, str] | None:
        """A row's day and sessions; None for totals, which have no day, and in sections without sessions by day."""
        if self._sessions is None:
            return None
        day = self._day(values[0])
        self._is_by_day |= bool(DAY.fullmatch(day))
        visits = values[self._sessions] if self._sessions < len(values) else ""
        return (day, visits) if self._is_by_day and day else None

    def _day(self, text: str) -> str:
        if not self._start or not NTH.fullmatch(text):
            return text
        try:
            return (date.fromisoformat(self._start) + timedelta(days=int(text))).isoformat()
        except (ValueError, OverflowError):
            return text
