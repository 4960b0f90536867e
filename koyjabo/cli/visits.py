"""`koyjabo export` and `koyjabo import`"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from koyjabo.cli import application, main, progress
from koyjabo.errors import InvalidInput

OPTIONS = {"first_day": "--from", "last_day": "--to", "community_id": "--community"}

file = click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
kind = click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl"]), help="Format of FILE. Default: by its name."
)


@main.command("export")
@file
@kind
@click.option("--community", default="", metavar="ID", help="Only visits to this community.")
@click.option("--from", "first_day", default="", metavar="DAY", help="Only from this day on, such as 2025-12-16.")
@click.option("--to", "last_day", default="", metavar="DAY", help="Only up to this day.")
@click.option("--resume", is_flag=True, help="Continue a FILE that is incomplete. Give the same options as before.")
def export(file: Path, kind: str | None, community: str, first_day: str, last_day: str, resume: bool) -> None:
    """Write visits to FILE, or to standard output (-), the oldest first.

    The format is CSV or JSON Lines, and `koyjabo import` reads both. Days are in TIMEZONE. Safe to run beside a busy
    server.
    """
    from koyjabo.visit_log import export_file
    from koyjabo.visit_log.visit_log import Filter

    which, kind = Filter(first_day, last_day, community_id=community), kind or _kind_of(file)
    with application() as services, _errors_by_option():
        if str(file) == "-":
            export_file.stream(services.visit_log, sys.stdout.buffer, which, kind, progress.of)
        else:
            export_file.write(services.visit_log, file, which, kind, resume, progress.of)


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@kind
@click.option("--even-folded", is_flag=True, help="Also count visits of folded days. Some may be counted twice.")
def import_(file: Path, kind: str | None, even_folded: bool) -> None:
    """Add the visits in FILE, or on standard input (-), from another counter or an export.

    Each visit needs a visitor_id and an at, which is ISO 8601 or ms since 1970; README describes the other columns.
    Visits keep their times and get new ordinals. Visits that are stored already are not counted again: after an
    interruption, import the same file again. Safe to run beside a busy server.
    """
    import config
    from koyjabo.visit_log import importing

    kind = kind or _kind_of(file)
    with application() as services, click.open_file(str(file), "rb") as visits:
        size = 0 if str(file) == "-" else os.fstat(visits.fileno()).st_size
        with progress.of(size, "Importing, bytes") as advance:
            zone, clock = config.load().zone, services.clock
            imported = importing.import_visits(visits, kind, zone, clock, advance, even_folded)
    click.echo(f"Imported {imported.new:,} visits; {imported.known:,} were stored already.")


@contextmanager
def _errors_by_option() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        problems = "; ".join(f"{OPTIONS[name]} {why}" for name, why in error.details.items())
        raise click.UsageError(f"{problems}." if problems else str(error)) from None


def _kind_of(file: Path) -> str:
    found = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(file.suffix.lower())
    if found is None:
        raise click.UsageError("Give --format csv or --format jsonl: the name of the file does not show it.")
    return found
