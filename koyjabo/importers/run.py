"""Checks or imports the file that it has inherited: `python -m koyjabo.importers.run check`, or `import`.

A worker starts it with an ImportPlan, and reads its reports (decision 109). Like `koyjabo import`, it writes to the
database through a store of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.engine import make_url

from koyjabo.audit.log import Actor
from koyjabo.core.clock import Clock
from koyjabo.core.command_line import ended_by_signals
from koyjabo.core.extensions import db
from koyjabo.database.engine import engine_options, translated_errors
from koyjabo.importers.importing import ImportSource, import_export
from koyjabo.importers.preview import preview_export
from koyjabo.importers.report import ImportReport
from koyjabo.jobs.child_process import INHERITED
from koyjabo.jobs.reporter import Reporter, read_plan
from koyjabo.visit_log.importing import Imported

CHECK, IMPORT = "check", "import"


class ImportPlan(NamedTuple):
    """What to import, and for whom."""

    database_url: str
    timezone: str
    name: str
    program: str
    site: str
    even_folded: bool
    by: tuple[str, str, str]  # the admin's id and name, and where from


class ImportProgress(NamedTuple):
    """As of now. `result` is of ImportReport, see `_figures`."""

    done: int = 0
    goal: int = 0
    new: int = 0
    known: int = 0
    result: dict[str, Any] | None = None
    is_cancelled: bool = False
    error: str = ""


def work(step: str, plan: ImportPlan, reporter: Reporter[ImportProgress]) -> dict[str, Any]:
    """Raises KoyJaboError."""
    clock = Clock(ZoneInfo(plan.timezone))
    with open(INHERITED, "rb") as file, translated_errors():
        source = ImportSource(file, plan.name, file.seek(0, os.SEEK_END), plan.program, plan.site)
        if step == CHECK:
            made = preview_export(source, clock, reporter.progress(), plan.even_folded)
            return _figures(made.report) | {"days": made.days, "before": made.before, "after": made.after}

        def note(imported: Imported) -> None:
            reporter.note(**imported._asdict())

        by = Actor(*plan.by, clock.now_ms())
        return _figures(import_export(source, clock, reporter.progress(), plan.even_folded, by, note))


def _figures(report: ImportReport) -> dict[str, Any]:
    """What pages show."""
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
            reporter.tell(is_cancelled=True)
        else:
            reporter.tell(result=result)

    reporter.run("import", "used", report)


if __name__ == "__main__":
    main(sys.argv[1])
