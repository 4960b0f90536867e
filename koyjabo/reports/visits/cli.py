"""`koyjabo export`"""

import sys
from pathlib import Path

import click

from koyjabo.base.core.command_line import application, progress
from koyjabo.base.core.errors import InvalidInput
from .visit_list import VisitFilter, VisitList

OPTIONS = {"first_day": "--from", "last_day": "--to", "community_id": "--community"}

FILE = click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))


@click.command("export")
@FILE
@click.option("--community", default="", metavar="ID", help="Only visits to this community.")
@click.option("--from", "first_day", default="", metavar="DAY", help="Only visits from this day, such as 2025-12-16.")
@click.option("--to", "last_day", default="", metavar="DAY", help="Only visits up to this day.")
@click.option("--resume", is_flag=True, help="Continue an incomplete FILE. Use the same options as before.")
def export(file: Path, community: str, first_day: str, last_day: str, resume: bool) -> None:
    """Write visits to FILE, or to standard output (-), oldest first.

    The format is CSV. Days are in TIMEZONE. Safe to run while the server is busy.
    """
    from . import export_file

    which = VisitFilter(first_day, last_day, community_id=community)
    with application() as services:
        try:
            if str(file) == "-":
                export_file.stream(services[VisitList], sys.stdout.buffer, which, progress)
            else:
                export_file.write(services[VisitList], file, which, resume, progress)
        except InvalidInput as error:
            problems = "; ".join(f"{OPTIONS[name]} {why}" for name, why in error.details.items())
            raise click.UsageError(f"{problems}." if problems else str(error)) from None
