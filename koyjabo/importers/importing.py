"""Imports a file of another program, beside running servers.

Rows become visits of the ledger, one for each visit of the program, with its time; by their ids a repeated import adds
nothing. Of programs that export sums, each day is added to the total. The file is read completely before, so a damaged
one imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from koyjabo.audit import log
from koyjabo.core.clock import Clock
from koyjabo.core.identity import OPERATOR
from koyjabo.core.runtime import Advance, ReportProgress
from koyjabo.counting.records import NewVisit
from koyjabo.importers import day_exports, goatcounter, sums_queries, umami
from koyjabo.importers.day_exports import DaySums
from koyjabo.importers.export import Export, UnusableExport
from koyjabo.importers.first_views_sqlite import FirstViews, PageView
from koyjabo.importers.report import ImportReport, Summed
from koyjabo.maintenance.total import TOTAL
from koyjabo.maintenance.total_queries import read_count
from koyjabo.network.geolocation import UNKNOWN
from koyjabo.network.user_agents import is_bot
from koyjabo.settings.checks import LARGEST_TOTAL
from koyjabo.visit_log import import_queries, importing
from koyjabo.visit_log.import_file import ImportedLine

VISITS: dict[str, Callable[[Export, FirstViews, ImportReport], None]] = {
    "umami": umami.read,
    "goatcounter": goatcounter.read,
}
SUMS: dict[str, Callable[[Export, DaySums, ImportReport], None]] = {
    "plausible": day_exports.read_plausible,
    "ga4": day_exports.read_google_analytics,
}

KNOWN = tuple(name for name in PageView._fields if name in NewVisit._fields)
"""The fields of a page view that are those of its visit."""

NAMES = {"umami": "Umami", "goatcounter": "GoatCounter", "plausible": "Plausible", "ga4": "Google Analytics 4"}


class ImportSource(NamedTuple):
    """A file that can be sought, its name and size in bytes, and the program that has exported it. `site` tells several
    sites of a program of SUMS apart; it is "" for the only one.
    """

    file: IO[bytes]
    name: str
    size: int
    program: str
    site: str = ""


def import_export(
    source: ImportSource, clock: Clock, progress: ReportProgress, even_folded: bool = False
) -> ImportReport:
    """Import an export of a program of VISITS or SUMS. Needs an application context.

    Raises UnusableExport, AnotherSite and Busy, before anything is imported; LedgerUnavailable, after which visits stay
    imported that were, and the next import of the file continues.
    """
    if source.program in SUMS:
        return _import_sums(source, clock, progress)
    return _import_visits(source, clock, progress, even_folded)


def _import_visits(source: ImportSource, clock: Clock, progress: ReportProgress, even_folded: bool) -> ImportReport:
    report = ImportReport()
    with FirstViews.collected() as views:
        with progress(source.size, "Reading, bytes") as advance:
            VISITS[source.program](Export(source.file, source.name, report, advance), views, report)
        report.visits = views.count()
        with progress(report.visits, "Importing, visits") as advance:
            lines = _lines(views, source.program, advance)
            report.imported = importing.import_lines(
                lines, clock, even_folded, report.refuse, program=NAMES[source.program]
            )
    return report


def _lines(views: FirstViews, program: str, advance: Advance) -> Iterator[ImportedLine]:
    for view in views.in_order():
        advance(1)
        yield ImportedLine(view.number, _visit(view, program))


def _visit(view: PageView, program: str) -> NewVisit:
    return NewVisit(
        visitor_id=f"{program}:{view.visitor}",
        visit_id=view.visit,
        is_bot=is_bot(view.user_agent),
        **{name: getattr(view, name) for name in KNOWN} | {"place": view.place or UNKNOWN},
    )


def _import_sums(source: ImportSource, clock: Clock, progress: ReportProgress) -> ImportReport:
    """In one transaction."""
    report, days = ImportReport(), DaySums(clock.today())
    with progress(source.size, "Reading, bytes") as advance:
        SUMS[source.program](Export(source.file, source.name, report, advance), days, report)
    with importing.alone() as fence, import_queries.exclusive(fence) as session:
        report.summed = _add(session, source, days.visits, clock)
    return report


def _add(session: Any, source: ImportSource, days: dict[str, int], clock: Clock) -> Summed:
    key = f"{source.program}:{source.site}" if source.site else source.program
    taken = sums_queries.taken(session, source.program)
    sums_queries.require_same_site(days, key, taken)
    known = taken.get(key, {})
    difference = sums_queries.difference(days, known)
    if not difference.more:
        total = read_count(session).total
        return Summed(0, 0, difference.known, difference.fewer, total, total)
    by = log.actor(OPERATOR, clock)
    name = NAMES[source.program] + (f" ({source.site})" if source.site else "")
    totals = sums_queries.add(session, key, difference.more, known, f"Visits of {name}", by.at_ms)
    if totals.after > LARGEST_TOTAL:
        raise UnusableExport(f"The total would become {totals.after:,}. The largest is {LARGEST_TOTAL:,}.")
    reason = f"Visits of {name} by day"
    by.entry("total.set", TOTAL, **totals._asdict(), new_epoch=False, reason=reason).store(session)
    return Summed(len(difference.more), sum(difference.more.values()), difference.known, difference.fewer, *totals)
