"""Imports a file from another program while servers are running.

Each visit in the file becomes a visit in the ledger, with its original time. Visits have fixed ids, so importing a file
again adds nothing. For programs that export daily sums, each day is added to the total. Days are in the site's time
zone in the other program.

Plausible: the `visits` column of `imported_visitors_*.csv`, as a file or in the zip archive from Settings, Imports &
exports (since Community Edition 2.1).

Google Analytics: sessions, from the CSV of an exploration with the dimension Date and the metric Sessions, or of a
report whose chart shows Sessions by "Nth day". Comments (#) and blank lines separate its sections. Column names are in
the user's language.

The whole file is read first, so nothing is imported from a damaged file.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import IO, Any, NamedTuple

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.file_lines import LONGEST_LINE, SupportsReadline
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import Advance, ReportProgress
from koyjabo.base.core.urls import bare_host
from koyjabo.base.network.geolocation import UNKNOWN
from koyjabo.base.network.user_agents import is_bot
from koyjabo.base.settings.checks import LARGEST_TOTAL
from koyjabo.counting.records import NewVisit
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor
from koyjabo.reports.visit_log import import_file, import_queries, importing
from koyjabo.reports.visit_log.import_file import BadLine, NumberedVisit
from koyjabo.reports.visit_log.importing import Imported
from koyjabo.upkeep.recounts.recount_queries import Totals, read_count
from koyjabo.upkeep.recounts.recounts import TOTAL
from . import queries, visit_exports
from .export import NAMES, OWN, Export, ImportReport, Record, unusable
from .first_views_sqlite import FirstViews, PageView
from .queries import Difference

DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
GROUPED = re.compile(r"\d{1,3}(?:([,.\u00a0\u202f ’'])\d{3})(?:\1\d{3})*|\d{1,15}", re.ASCII)
"""A whole number, with or without thousands separators."""

MAX_VISITS = 10**12
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
        """Add a day. Raises ValueError for an unusable line, Unusable for a repeated day."""
        iso_day = _day(day)
        if not EARLIEST <= iso_day <= self._today:
            raise ValueError("the day is in the future, or before 1970")
        if not GROUPED.fullmatch(visits):
            raise ValueError("the number of visits must be a whole number")
        number = int(re.sub(r"\D", "", visits))
        if number > MAX_VISITS:
            raise ValueError("the number of visits is too large")
        if iso_day in self.visits:
            raise Unusable(
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


def read_plausible(export: Export, days: DaySums, report: ImportReport) -> None:
    """Read Plausible's export. Raises Unusable."""
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
    """Read Google Analytics' export. Raises Unusable."""
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
    """Yield the line number, day and sessions of each row that has them, as written in the file. Totals have no day."""
    dates: list[str] = []
    is_in_section = is_by_day = False
    for number, values in records:
        if not values or values[0].startswith("#"):
            dates = [] if is_in_section else dates
            dates += DATE.findall(values[0]) if values else []
            is_in_section = False
        elif not is_in_section:
            names = [name.strip().casefold() for name in values]
            sessions = next((at for at, name in enumerate(names) if at and name in SESSIONS), None)
            start = dates[-2] if len(dates) > 1 and values[0] == NTH_DAY else None
            is_in_section, is_by_day = True, False
        elif sessions is not None:
            day = _nth_day(start, values[0]) if start else values[0]
            is_by_day |= bool(DAY.fullmatch(day))
            if is_by_day and day:
                yield number, (day, values[sessions] if sessions < len(values) else "")


def _nth_day(start: str, text: str) -> str:
    """The day of a row that is numbered from `start`, YYYYMMDD; other texts are returned unchanged."""
    try:
        return (date.fromisoformat(start) + timedelta(days=int(text))).isoformat() if NTH.fullmatch(text) else text
    except (ValueError, OverflowError):
        return text


VISITS: dict[str, Callable[[Export, FirstViews, ImportReport], None]] = {
    "umami": visit_exports.read_umami,
    "goatcounter": visit_exports.read_goatcounter,
}
SUMS: dict[str, Callable[[Export, DaySums, ImportReport], None]] = {
    "plausible": read_plausible,
    "ga4": read_google_analytics,
}

SHARED = tuple(name for name in PageView._fields if name in NewVisit._fields)
"""Fields that page views and visits have in common."""

NO_VISITS = (
    "This file has no visits: its first line must name the columns, including visitor_id and at. Daily sums cannot be "
    "imported: export visits, or choose the program that exported the file."
)
SEVERAL = "The archive has several files. Import the one with the visits."


class ImportSource(NamedTuple):
    """How to read a file: its name, its size in bytes, and the program it comes from. `site` distinguishes between
    several sites in a program in SUMS. `even_folded`: whether to import visits of rolled-up days. Stored as
    `FileImport.file`.
    """

    name: str
    size: int
    program: str
    site: str = ""
    even_folded: bool = False

    @property
    def key(self) -> str:
        """The key for its days in the database."""
        return f"{self.program}:{self.site}" if self.site else self.program


class FileImporter:
    """Reads an export from OWN or from a program in VISITS or SUMS, and imports it. `file` must be seekable. Needs an
    application context. Methods raise Unusable.
    """

    def __init__(self, file: IO[bytes], source: ImportSource, clock: Clock, progress: ReportProgress) -> None:
        self.source = source
        self.report = ImportReport()
        self._file = file
        self._clock = clock
        self._progress = progress

    def run(
        self, by: Actor | None = None, on_imported: Callable[[Imported], object] = lambda imported: None
    ) -> ImportReport:
        """Import the file. `by` is the actor for the audit log, the operator by default. `on_imported` is called with
        what has been imported so far.

        Raises Unusable or DatabaseInUse before anything is imported. After LedgerUnavailable, the visits
        imported so far are kept, and importing the file again continues.
        """
        by, program = by or log.actor(OPERATOR, self._clock), self.source.program
        if program in SUMS:
            self._import_sums(by)
            return self.report
        name = {"program": NAMES[program]} if program in NAMES else {}
        refuse, even_folded = self.report.refuse, self.source.even_folded
        with self.visits() as lines:
            self.report.imported = importing.import_lines(
                lines, self._clock, even_folded, refuse, by, on_imported, **name
            )
        return self.report

    @contextmanager
    def visits(self) -> Iterator[Iterator[NumberedVisit]]:
        """The visits in an export of visits. Skipped lines go to the report."""
        if self.source.program == OWN:
            with self._opened() as export:
                yield self._own_visits(export)
            return
        with FirstViews.collected() as views:
            with self._opened() as export:
                VISITS[self.source.program](export, views, self.report)
            self.report.visits = views.count()
            with self._progress(self.report.visits, "Importing, visits") as advance:
                yield self._lines(views, advance)

    def days(self) -> dict[str, int]:
        """The daily visits in an export from a program in SUMS."""
        days = DaySums(self._clock.today())
        with self._opened() as export:
            SUMS[self.source.program](export, days, self.report)
        return days.visits

    def compare(self, session: Any, days: dict[str, int]) -> Difference:
        """Return the difference that importing these days would make. The report gets it as well. Raises Unusable for
        another site or too many visits.
        """
        taken = queries.taken(session, self.source.program)
        queries.require_same_site(days, self.source.key, taken)
        difference = queries.difference(days, taken.get(self.source.key, {}))
        before = read_count(session).total
        after = before + sum(difference.more.values())
        if after > LARGEST_TOTAL:
            raise Unusable(f"The total would become {after:,}. The maximum is {LARGEST_TOTAL:,}.")
        self.report.difference, self.report.totals = difference, Totals(before, after)
        return difference

    def _import_sums(self, by: Actor) -> None:
        """Import sums in one transaction."""
        days = self.days()
        with importing.alone() as fence, import_queries.exclusive(fence) as session:
            more, by = self.compare(session, days).more, by._replace(at_ms=self._clock.now_ms())
            if not more:
                return
            site = f" ({self.source.site})" if self.source.site else ""
            reason = f"Visits from {NAMES[self.source.program]}{site}"
            totals = queries.add(session, self.source.key, days, more, reason=reason, now_ms=by.at_ms)
            details = {**totals._asdict(), "new_epoch": False, "reason": f"{reason} by day"}
            by.entry("total.set", TOTAL, **details).store(session)
            self.report.totals = totals

    @contextmanager
    def _opened(self) -> Iterator[Export]:
        with self._progress(self.source.size, "Reading, bytes") as advance:
            yield Export(self._file, self.source.name, self.report, advance)

    def _own_visits(self, export: Export) -> Iterator[NumberedVisit]:
        """Read our own export of visits, or a file with the same columns: CSV or JSON Lines, compressed or not,
        recognised by its contents. Times without an offset are in TIMEZONE.
        """
        if len(export.members) != 1:
            raise unusable(export, OWN, SEVERAL)
        lines = export.lines(export.members[0])
        first = lines.readline(LONGEST_LINE + 1)
        kind = spreadsheet.JSON_LINES if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else spreadsheet.CSV
        rows = _FromFirst(first, lines)
        try:
            yield from import_file.read(rows, kind, self._clock.zone, lambda read: None, self.report.refuse)
        except BadLine:
            raise unusable(export, OWN, NO_VISITS) from None

    def _lines(self, views: FirstViews, advance: Advance) -> Iterator[NumberedVisit]:
        for view in views.in_order():
            advance(1)
            yield view.number, _visit(view, self.source.program)


class _FromFirst:
    """Yields lines, including the first one, which was already read."""

    def __init__(self, first: bytes, rest: SupportsReadline) -> None:
        self._first = first
        self._rest = rest

    def readline(self, size: int, /) -> bytes:
        first, self._first = self._first, b""
        return first or self._rest.readline(size)


def _visit(view: PageView, program: str) -> NewVisit:
    is_crawler = is_bot(view.user_agent)
    if view.host and view.referrer and bare_host(view.referrer) == bare_host(view.host):
        view = view._replace(referrer=None)
    return NewVisit(
        visitor_id=f"{program}:{view.visitor}",
        visit_id=view.visit,
        is_bot=is_crawler,
        automated=is_crawler,
        **{name: getattr(view, name) for name in SHARED} | {"place": view.place or UNKNOWN},
    )
