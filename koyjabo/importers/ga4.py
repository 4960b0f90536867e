"""Google Analytics 4: the visits of each day are its sessions.

Reads the CSV of an exploration with the dimension Date and the metric Sessions, or of a report whose chart shows
Sessions by "Nth day". Comments (#) and blank lines part its sections. Days are in the time zone of the property, and
the names of columns in the language of the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from koyjabo.importers.days import DAY, Days
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.importers.records import Record
from koyjabo.importers.report import Report
from koyjabo.visit_log.import_file import BadLine

SESSIONS = frozenset(
    ["sessions", "sessioni", "sessies", "sessões", "sesiones", "sesje", "sesi", "sitzungen", "oturumlar", "сеансы"]
).union(["সেশন", "सेशन", "セッション", "会话"])
NTH_DAY, NTH = "Nth day", re.compile(r"\d{1,4}", re.ASCII)
DATE = re.compile(r"#[^:#]*: ?(\d{8})", re.ASCII)
"""A comment with one date. The last two before a section of a report are its start and its end."""

NO_SESSIONS = (
    "This file has no sessions by date. In Google Analytics: Explore, a free form with the dimension Date alone as "
    "rows and the metric Sessions as values, all rows shown; export it as CSV."
)


def read(export: Export, days: Days, report: Report) -> None:
    """Raises UnusableExport."""
    found = False
    for member in export.members:
        for number, row in _rows(export.records(member)):
            found = True
            try:
                days.add(*row)
            except ValueError as error:
                report.refuse(BadLine(number, str(error)))
    if not found:
        raise UnusableExport(NO_SESSIONS)


def _rows(records: Iterator[Record]) -> Iterator[tuple[int, tuple[str, str]]]:
    """The day and the sessions of each row that has them, as they are written."""
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
    """A header and the rows below it. `start` is the first day of the report, YYYYMMDD."""

    def __init__(self, columns: list[str], start: str | None) -> None:
        names = [name.strip().casefold() for name in columns]
        self._sessions = next((at for at, name in enumerate(names) if at and name in SESSIONS), None)
        self._start = start if columns[0] == NTH_DAY else None
        self._is_by_day = False

    def row(self, values: list[str]) -> tuple[str, str] | None:
        """None for rows of totals, which have no day, and in sections of other things than sessions by day."""
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
