"""Checks or imports the inherited file: `python -m koyjabo.upkeep.importers.run check`, or `import`. A worker starts
this process, and reads its reports (decision 97). Its plan has `database_url`, `timezone`, `file` (an ImportSource),
and `by` (the admin's id, name and location). It writes to the database itself, like `koyjabo import`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.command_line import ended_by_signals
from koyjabo.base.core.extensions import db
from koyjabo.base.database.engine import engine_options, snapshot, translated_errors
from koyjabo.base.jobs.child_process import INHERITED, Reporter, read_plan
from koyjabo.people.audit.log import Actor
from koyjabo.reports.visit_log import import_queries
from koyjabo.reports.visit_log.import_file import NumberedVisit
from koyjabo.reports.visit_log.importing import BATCH, Imported, usable
from .export import ImportReport
from .first_views_sqlite import SeenKeys
from .importing import SUMS, FileImporter, ImportSource

CHECK, IMPORT = "check", "import"


def work(step: str, plan: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """Check or import, and return the result. Raises KoyJaboError."""
    clock = Clock(ZoneInfo(plan["timezone"]))
    with open(INHERITED, "rb") as file, translated_errors():
        importer = FileImporter(file, ImportSource(*plan["file"]), clock, reporter.progress())
        if step == CHECK:
            return _preview(importer, clock)

        def note(imported: Imported) -> None:
            reporter.note(**imported._asdict())

        by = Actor._make([*plan["by"], clock.now_ms()])
        return _figures(importer.run(by, note))


def _preview(importer: FileImporter, clock: Clock) -> dict[str, Any]:
    """Preview an import without writing anything, using the same lines, rules and keys. Raises the same errors as
    `FileImporter.run`, except DatabaseInUse. The result has the number of `days` with new visits, and the site's
    total `before` and `after`.
    """
    report = importer.report
    if importer.source.program in SUMS:
        days = importer.days()
        with snapshot() as connection, Session(connection) as session:
            difference = importer.compare(session, days)
        return _figures(report) | {"days": len(difference.more), **report.totals._asdict()}
    with importer.visits() as lines:
        new_lines = usable(lines, clock, importer.source.even_folded, report.refuse)
        report.imported, count = _counted(new_lines, clock)
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
    sums = report.difference
    new, known = (report.added, sums.known) if sums else report.imported
    return {
        "new": new,
        "known": known,
        "summed": sums is not None,
        "fewer": sums.fewer if sums else [],
        "bad": report.refused,
        "bad_lines": report.refusals(),
        "left_out": dict(report.left_out),
    }


@contextmanager
def _database(url: str) -> Iterator[None]:
    app = Flask(__name__)
    app.config.update(SQLALCHEMY_DATABASE_URI=url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(make_url(url)))
    db.init_app(app)
    with app.app_context():
        yield


def main(step: str) -> None:
    reporter, plan = Reporter(new=0, known=0), read_plan()

    def report() -> None:
        try:
            with ended_by_signals(), _database(plan["database_url"]):
                result = work(step, plan, reporter)
        except SystemExit:
            reporter.send(is_done=True, is_cancelled=True)
        else:
            reporter.send(is_done=True, result=result)

    reporter.run("import", "used", report)


if __name__ == "__main__":
    main(sys.argv[1])
