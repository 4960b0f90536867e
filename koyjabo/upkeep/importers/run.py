"""Checks or imports the inherited file: `python -m koyjabo.upkeep.importers.run check`, or `import`. A worker starts
this process with an ImportPlan, and reads its reports (decision 97). It writes to the database itself, like `koyjabo
import`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.command_line import ended_by_signals
from koyjabo.base.core.extensions import db
from koyjabo.base.core.runtime import ReportProgress
from koyjabo.base.database.engine import engine_options, snapshot, translated_errors
from koyjabo.base.jobs.child_process import INHERITED, Reporter, read_plan
from koyjabo.people.audit.log import Actor
from koyjabo.reports.visit_log import import_queries
from koyjabo.reports.visit_log.import_file import NumberedVisit
from koyjabo.reports.visit_log.importing import BATCH, Imported, ImportRules
from koyjabo.upkeep.importers import importing
from koyjabo.upkeep.importers.export import ImportReport
from koyjabo.upkeep.importers.first_views_sqlite import SeenKeys
from koyjabo.upkeep.importers.importing import SUMS, ImportSource, import_export

CHECK, IMPORT = "check", "import"


class ImportPlan(NamedTuple):
    """A request to import a file, and who made it."""

    database_url: str
    timezone: str
    name: str
    program: str
    site: str
    even_folded: bool
    by: tuple[str, str, str]  # the admin's id, name and location


class ImportProgress(NamedTuple):
    """The current progress. `result` comes from `_figures`."""

    done: int = 0
    goal: int = 0
    new: int = 0
    known: int = 0
    result: dict[str, Any] | None = None
    is_cancelled: bool = False
    error: str = ""


def work(step: str, plan: ImportPlan, reporter: Reporter[ImportProgress]) -> dict[str, Any]:
    """Check or import, and return the result. Raises KoyJaboError."""
    clock = Clock(ZoneInfo(plan.timezone))
    with open(INHERITED, "rb") as file, translated_errors():
        source = ImportSource(file, plan.name, file.seek(0, os.SEEK_END), plan.program, plan.site)
        if step == CHECK:
            return _preview(source, clock, reporter.progress(), plan.even_folded)

        def note(imported: Imported) -> None:
            reporter.note(**imported._asdict())

        by = Actor(*plan.by, clock.now_ms())
        return _figures(import_export(source, clock, reporter.progress(), plan.even_folded, by, note))


def _preview(source: ImportSource, clock: Clock, progress: ReportProgress, even_folded: bool) -> dict[str, Any]:
    """Preview an import without writing anything, using the same lines, rules and keys. Raises the same errors as
    `importing.import_export`, except Busy. The result has the number of `days` with new visits, and the site's total
    `before` and `after`.
    """
    report = ImportReport()
    if source.program in SUMS:
        days = importing.days_of(source, clock, progress, report)
        with snapshot() as connection, Session(connection) as session:
            _, report.summed = importing.new_days(session, source, days)
        summed = report.summed
        return _figures(report) | {"days": summed.days, "before": summed.before, "after": summed.after}
    with importing.visits_of(source, clock, progress, report) as lines:
        usable = ImportRules(clock, even_folded).usable(lines, report.refuse)
        report.imported, count = _counted(usable, clock)
    before = import_queries.total()
    return _figures(report) | {"days": count, "before": before, "after": before + report.imported.new}


def _counted(lines: Iterator[NumberedVisit], clock: Clock) -> tuple[Imported, int]:
    """The numbers of new and known visits, and the number of days with new visits."""
    new, known, days = 0, 0, set()
    with SeenKeys.collected() as seen:
        while batch := list(islice(lines, BATCH)):
            keys = [(visit.visitor_id, str(visit.visit_id)) for _, visit in batch]
            stored = import_queries.known(set(keys))
            for (_, visit), key in zip(batch, keys, strict=True):
                if key in stored or not seen.add(key):
                    known += 1
                else:
                    new += 1
                    days.add(clock.bucket(visit.at_ms).day)
    return Imported(new, known), len(days)


def _figures(report: ImportReport) -> dict[str, Any]:
    """The numbers that pages show about an import."""
    new, known = (report.summed.visits, report.summed.known) if report.summed else report.imported
    return {
        "new": new,
        "known": known,
        "summed": report.summed is not None,
        "fewer": report.summed.fewer if report.summed else [],
        "bad": report.refused,
        "bad_lines": report.refusals(),
        "left_out": dict(report.left_out),
    }


@contextmanager
def _database(plan: ImportPlan) -> Iterator[None]:
    app, url = Flask(__name__), make_url(plan.database_url)
    app.config.update(SQLALCHEMY_DATABASE_URI=plan.database_url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(url))
    db.init_app(app)
    with app.app_context():
        yield


def main(step: str) -> None:
    reporter, asked = Reporter(ImportProgress()), ImportPlan(**read_plan())

    def report() -> None:
        try:
            with ended_by_signals(), _database(asked):
                result = work(step, asked, reporter)
        except SystemExit:
            reporter.send(is_cancelled=True)
        else:
            reporter.send(result=result)

    reporter.run("import", "used", report)


if __name__ == "__main__":
    main(sys.argv[1])
