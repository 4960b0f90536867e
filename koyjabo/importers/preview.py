"""What an import of a file would do, without doing it: the same lines, rules and keys, and no write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock
from koyjabo.core.runtime import ReportProgress
from koyjabo.database import engine
from koyjabo.importers import importing
from koyjabo.importers.first_views_sqlite import SeenKeys
from koyjabo.importers.importing import SUMS, ImportSource
from koyjabo.importers.report import ImportReport
from koyjabo.visit_log import import_queries
from koyjabo.visit_log.import_file import ImportedLine
from koyjabo.visit_log.importing import BATCH, Imported, ImportRules


class ImportPreview(NamedTuple):
    """`days` are those on which visits are added. `before` and `after` are the total of the site."""

    report: ImportReport
    days: int
    before: int
    after: int


def preview_export(
    source: ImportSource, clock: Clock, progress: ReportProgress, even_folded: bool = False
) -> ImportPreview:
    """Needs an application context. Raises what `importing.import_export` does, except Busy."""
    report = ImportReport()
    with engine.translated_errors():
        if source.program in SUMS:
            days = importing.days_of(source, clock, progress, report)
            with engine.snapshot() as connection, Session(connection) as session:
                _, summed = importing.new_days(session, source, days)
            report.summed = summed
            return ImportPreview(report, summed.days, summed.before, summed.after)
        with importing.visits_of(source, clock, progress, report) as lines:
            usable = ImportRules(clock, even_folded).usable(lines, report.refuse)
            report.imported, count = _counted(usable, clock)
        before = import_queries.total()
        return ImportPreview(report, count, before, before + report.imported.new)


def _counted(lines: Iterator[ImportedLine], clock: Clock) -> tuple[Imported, int]:
    """New and known visits, and the number of days of the new ones."""
    new, known, days = 0, 0, set()
    with SeenKeys.collected() as seen:
        while batch := list(islice(lines, BATCH)):
            keys = [(line.visit.visitor_id, str(line.visit.visit_id)) for line in batch]
            stored = import_queries.known(set(keys))
            for line, key in zip(batch, keys, strict=True):
                if key in stored or not seen.add(key):
                    known += 1
                else:
                    new += 1
                    days.add(clock.bucket(line.visit.at_ms).day)
    return Imported(new, known), len(days)
