"""Checks or imports the file that it has inherited: `python -m koyjabo.importers.run check`, or `import`.

A worker starts it with an ImportPlan in its environment, and reads its reports (decision 109). Like `koyjabo import`,
it writes to the database through a store of its own.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy.engine import make_url

from koyjabo.audit.log import Actor
from koyjabo.core.child_process import INHERITED, end_with_parent
from koyjabo.core.clock import Clock
from koyjabo.core.command_line import ended_by_signals
from koyjabo.core.errors import KoyJaboError, LedgerUnavailable
from koyjabo.core.extensions import db
from koyjabo.core.runtime import Advance
from koyjabo.database.engine import engine_options, translated_errors
from koyjabo.database.outage_causes import reason_of
from koyjabo.importers.importing import ImportSource, import_export
from koyjabo.importers.preview import preview_export
from koyjabo.importers.report import ImportReport
from koyjabo.visit_log.importing import Imported

log = logging.getLogger(__name__)

CHECK, IMPORT = "check", "import"
VARIABLE = "KOYJABO_IMPORT"
INTERVAL_S = 0.3


class ImportPlan(NamedTuple):
    """What to import, and for whom: JSON in the environment variable VARIABLE."""

    database_url: str
    timezone: str
    name: str
    program: str
    site: str
    even_folded: bool
    by: tuple[str, str, str]  # the admin's id and name, and where from

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(self)}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> ImportPlan:
        return cls(*json.loads(environment[VARIABLE]))


class ImportProgress(NamedTuple):
    """As of now. `result` is of ImportReport, see `_figures`."""

    done: int = 0
    goal: int = 0
    new: int = 0
    known: int = 0
    result: dict[str, Any] | None = None
    is_cancelled: bool = False
    error: str = ""


class ImportReporter:
    """Writes what is known to standard output, a line of JSON each time."""

    def __init__(self) -> None:
        self._now = ImportProgress()
        self._written_at = 0.0

    def tell(self, **values: Any) -> None:
        self._now = self._now._replace(**values)
        self._written_at = time.monotonic()
        os.write(1, json.dumps(self._now).encode() + b"\n")

    def imported(self, imported: Imported) -> None:
        self._now = self._now._replace(**imported._asdict())

    @contextmanager
    def progress(self, goal: int, label: str) -> Iterator[Advance]:
        self.tell(done=0, goal=goal)
        yield self._advance

    def _advance(self, more: int) -> None:
        self._now = self._now._replace(done=self._now.done + more)
        if time.monotonic() - self._written_at >= INTERVAL_S:
            self.tell()


def work(step: str, plan: ImportPlan, reporter: ImportReporter) -> dict[str, Any]:
    """Raises KoyJaboError."""
    clock = Clock(ZoneInfo(plan.timezone))
    with open(INHERITED, "rb") as file, translated_errors():
        source = ImportSource(file, plan.name, file.seek(0, os.SEEK_END), plan.program, plan.site)
        if step == CHECK:
            made = preview_export(source, clock, reporter.progress, plan.even_folded)
            return _figures(made.report) | {"days": made.days, "before": made.before, "after": made.after}
        by = Actor(*plan.by, clock.now_ms())
        report = import_export(source, clock, reporter.progress, plan.even_folded, by, reporter.imported)
        return _figures(report)


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


def _failure(error: Exception) -> str:
    if isinstance(error, LedgerUnavailable):
        return f"The database cannot be used: {reason_of(error)}."
    if isinstance(error, KoyJaboError):
        return str(error)
    log.error("import_failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


def main(step: str) -> None:
    end_with_parent()
    reporter, plan = ImportReporter(), ImportPlan.read(os.environ)
    try:
        with ended_by_signals(), _database(plan):
            result = work(step, plan, reporter)
    except SystemExit:
        reporter.tell(is_cancelled=True)
    except Exception as error:
        reporter.tell(error=_failure(error))
    else:
        reporter.tell(result=result)


if __name__ == "__main__":
    main(sys.argv[1])
