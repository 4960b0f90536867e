"""`koyjabo import`"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.command_line import application, progress
from koyjabo.reports.visit_log.import_file import BadLine
from koyjabo.reports.visit_log.ui import kind, kind_of

VISITS, SUMS = ("umami", "goatcounter"), ("plausible", "ga4")
"""Programs that export page views, and programs that export daily sums."""

LONGEST_SITE = 40


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--program", type=click.Choice(VISITS + SUMS), help="The program that exported FILE.")
@click.option("--site", metavar="NAME", help="The site FILE is from, if you import several from plausible or ga4.")
@kind
@click.option("--even-folded", is_flag=True, help="Also count visits from rolled-up days. Some may be counted twice.")
def import_(file: Path, program: str | None, site: str | None, kind: str | None, even_folded: bool) -> None:
    """Import the visits in FILE, or on standard input (-), from our own export or from another counter. Each visit
    needs a visitor_id and an at, which is ISO 8601 or ms since 1970; docs/import-export.md describes the columns.
    Visits keep their times and get new visit numbers. Visits that are already stored are not counted again, so after
    an interruption, import the same file again. Safe to run while the server is busy.

    With --program, FILE is an export from another counter. Page views from umami and goatcounter become visits. Daily
    sums from plausible and ga4 are added to the total. Unusable lines are listed; the other lines are imported.
    """
    if program and kind:
        raise click.UsageError("Omit --format: a program's export has its own format.")
    if site is not None and program not in SUMS:
        raise click.UsageError(f"--site is only for --program {' and '.join(SUMS)}, which export daily sums.")
    if site is not None and not 0 < len(site) <= LONGEST_SITE:
        raise click.UsageError(f"--site must be a name of 1 to {LONGEST_SITE} characters.")
    if even_folded and program in SUMS:
        raise click.UsageError("--even-folded is only for visits, but this program exports daily sums.")
    if program is None:
        _import_visits(file, kind or kind_of(file), even_folded)
    else:
        _import_export(file, program, site or "", even_folded)


def _import_visits(file: Path, kind: str, even_folded: bool) -> None:
    from koyjabo.reports.visit_log import importing
    from .export import OWN, Export, ImportReport, unusable

    with application() as services, click.open_file(str(file), "rb") as visits:
        size = 0 if str(file) == "-" else os.fstat(visits.fileno()).st_size
        with progress(size, "Importing, bytes") as advance:
            zone, clock = services.clock.zone, services.clock
            try:
                imported = importing.import_visits(visits, kind, zone, clock, advance, even_folded)
            except BadLine as error:
                if error.number > 1 or kind != spreadsheet.CSV or not visits.seekable():
                    raise
                # The first line is not the columns of our own exports. Say what the file is.
                export = Export(visits, "", ImportReport(), lambda read: None)
                raise unusable(export, OWN, str(error)) from None
    click.echo(f"Imported {imported.new:,} visits; {imported.known:,} were already stored.")


def _import_export(file: Path, program: str, site: str, even_folded: bool) -> None:
    from .importing import FileImporter, ImportSource

    with application() as services, click.open_file(str(file), "rb") as opened, _seekable(opened) as export:
        source = ImportSource(file.name, export.seek(0, os.SEEK_END), program, site, even_folded)
        report = FileImporter(export, source, services.clock, progress).run()
    for sentence in report.sentences():
        click.echo(sentence)


@contextmanager
def _seekable(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Copy a pipe to a temporary file, because a zip archive has its table of contents at the end."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        yield copy
