"""Imports a file from another program while servers are running.

Each visit in the file becomes a visit in the ledger, with its original time. Visits have fixed ids, so importing a file
again adds nothing. For programs that export sums, each day is added to the total.

The whole file is read first, so nothing is imported from a damaged file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import Clock
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
from koyjabo.reports.visit_log.file_lines import BadLine, Refuse
from koyjabo.reports.visit_log.import_file import NumberedVisit
from koyjabo.reports.visit_log.importing import Imported
from koyjabo.upkeep.importers import day_exports, sums_queries, visit_exports
from koyjabo.upkeep.importers.day_exports import DaySums
from koyjabo.upkeep.importers.export import Export, ImportReport, Summed, UnusableExport
from koyjabo.upkeep.importers.first_views_sqlite import FirstViews, PageView
from koyjabo.upkeep.importers.known_files import NAMES, OWN, unusable
from koyjabo.upkeep.recounts.total import TOTAL
from koyjabo.upkeep.recounts.total_queries import read_count

VISITS: dict[str, Callable[[Export, FirstViews, ImportReport], None]] = {
    "umami": visit_exports.read_umami,
    "goatcounter": visit_exports.read_goatcounter,
}
SUMS: dict[str, Callable[[Export, DaySums, ImportReport], None]] = {
    "plausible": day_exports.read_plausible,
    "ga4": day_exports.read_google_analytics,
}

KNOWN = tuple(name for name in PageView._fields if name in NewVisit._fields)
"""Fields that page views and visits have in common."""

NO_VISITS = (
    "This file has no visits: its first line must name the columns, including visitor_id and at. Daily sums cannot be "
    "imported: export visits, or choose the program that exported the file."
)
SEVERAL = "The archive has several files. Import the one with the visits."


class ImportSource(NamedTuple):
    """A seekable file, its name and size in bytes, and the program it comes from. `site` distinguishes between several
    sites in a program in SUMS; "" if there is only one.
    """

    file: IO[bytes]
    name: str
    size: int
    program: str
    site: str = ""

    @property
    def key(self) -> str:
        """The key for its days in the database."""
        return f"{self.program}:{self.site}" if self.site else self.program


def import_export(
    source: ImportSource,
    clock: Clock,
    progress: ReportProgress,
    even_folded: bool = False,
    by: Actor | None = None,
    on_imported: Callable[[Imported], object] = lambda imported: None,
) -> ImportReport:
    """Import an export from OWN or from a program in VISITS or SUMS. Needs an application context. `by` is the actor
    for the audit log, the operator by default. `on_imported` is called with what has been imported so far.

    Raises UnusableExport, AnotherSite or Busy before anything is imported. After LedgerUnavailable, the visits imported
    so far are kept, and importing the file again continues.
    """
    by = by or log.actor(OPERATOR, clock)
    if source.program in SUMS:
        return _import_sums(source, clock, progress, by)
    report = ImportReport()
    with visits_of(source, clock, progress, report) as lines:
        name = {"program": NAMES[source.program]} if source.program in NAMES else {}
        report.imported = importing.import_lines(lines, clock, even_folded, report.refuse, by, on_imported, **name)
    return report


@contextmanager
def visits_of(
    source: ImportSource, clock: Clock, progress: ReportProgress, report: ImportReport
) -> Iterator[Iterator[NumberedVisit]]:
    """The visits in an export of visits. Skipped lines go to `report`. Raises UnusableExport."""
    if source.program == OWN:
        with progress(source.size, "Reading, bytes") as advance:
            yield _own_visits(_opened(source, report, advance), clock.zone, report.refuse)
        return
    with FirstViews.collected() as views:
        with progress(source.size, "Reading, bytes") as advance:
            VISITS[source.program](_opened(source, report, advance), views, report)
        report.visits = views.count()
        with progress(report.visits, "Importing, visits") as advance:
            yield _lines(views, source.program, advance)


class _FromFirst:
    """Yields lines, including the first one, which was already read."""

    def __init__(self, first: bytes, rest: SupportsReadline) -> None:
        self._first = first
        self._rest = rest

    def readline(self, size: int, /) -> bytes:
        first, self._first = self._first, b""
        return first or self._rest.readline(size)


def _own_visits(export: Export, zone: ZoneInfo, refuse: Refuse) -> Iterator[NumberedVisit]:
    """Read our own export of visits, or a file with the same columns: CSV or JSON Lines, compressed or not, recognised
    by its contents. Times without an offset are in `zone`. Raises UnusableExport.
    """
    if len(export.members) != 1:
        raise unusable(export, OWN, SEVERAL)
    lines = export.lines(export.members[0])
    first = lines.readline(LONGEST_LINE + 1)
    kind = spreadsheet.JSON_LINES if first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") else spreadsheet.CSV
    try:
        yield from import_file.read(_FromFirst(first, lines), kind, zone, lambda read: None, refuse)
    except BadLine:
        raise unusable(export, OWN, NO_VISITS) from None


def _opened(source: ImportSource, report: ImportReport, advance: Advance) -> Export:
    return Export(source.file, source.name, report, advance)


def _lines(views: FirstViews, program: str, advance: Advance) -> Iterator[NumberedVisit]:
    for view in views.in_order():
        advance(1)
        yield view.number, _visit(view, program)


def _visit(view: PageView, program: str) -> NewVisit:
    is_crawler = is_bot(view.user_agent)
    if view.host and view.referrer and bare_host(view.referrer) == bare_host(view.host):
        view = view._replace(referrer=None)
    return NewVisit(
        visitor_id=f"{program}:{view.visitor}",
        visit_id=view.visit,
        is_bot=is_crawler,
        automated=is_crawler,
        **{name: getattr(view, name) for name in KNOWN} | {"place": view.place or UNKNOWN},
    )


def _import_sums(source: ImportSource, clock: Clock, progress: ReportProgress, by: Actor) -> ImportReport:
    """Import sums in one transaction."""
    report = ImportReport()
    days = days_of(source, clock, progress, report)
    with importing.alone() as fence, import_queries.exclusive(fence) as session:
        report.summed = _add(session, source, days, by._replace(at_ms=clock.now_ms()))
    return report


def days_of(source: ImportSource, clock: Clock, progress: ReportProgress, report: ImportReport) -> dict[str, int]:
    """The daily visits in an export from a program in SUMS. Raises UnusableExport."""
    days = DaySums(clock.today())
    with progress(source.size, "Reading, bytes") as advance:
        SUMS[source.program](_opened(source, report, advance), days, report)
    return days.visits


def new_days(session: Any, source: ImportSource, days: dict[str, int]) -> tuple[sums_queries.Difference, Summed]:
    """The difference that importing these days would make, and the result. Raises AnotherSite, or UnusableExport if
    there are too many visits.
    """
    taken = sums_queries.taken(session, source.program)
    sums_queries.require_same_site(days, source.key, taken)
    difference = sums_queries.difference(days, taken.get(source.key, {}))
    before, more = read_count(session).total, sum(difference.more.values())
    if before + more > LARGEST_TOTAL:
        raise UnusableExport(f"The total would become {before + more:,}. The maximum is {LARGEST_TOTAL:,}.")
    return difference, Summed(len(difference.more), more, difference.known, difference.fewer, before, before + more)


def _add(session: Any, source: ImportSource, days: dict[str, int], by: Actor) -> Summed:
    difference, expected = new_days(session, source, days)
    if not difference.more:
        return expected
    known = sums_queries.taken(session, source.program).get(source.key, {})
    name = NAMES[source.program] + (f" ({source.site})" if source.site else "")
    totals = sums_queries.add(session, source.key, difference.more, known, f"Visits from {name}", by.at_ms)
    reason = f"Visits from {name} by day"
    by.entry("total.set", TOTAL, **totals._asdict(), new_epoch=False, reason=reason).store(session)
    return expected._replace(**totals._asdict())
