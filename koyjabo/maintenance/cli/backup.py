"""`koyjabo backup` and `koyjabo restore`"""

from __future__ import annotations

from pathlib import Path

import click

from koyjabo.core import progress
from koyjabo.core.command_line import application

file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@file
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def backup(file: Path, force: bool) -> None:
    """Back up the whole database to FILE, as it is at this moment.

    Safe to run beside a busy server. A backup of SQLite can be restored into PostgreSQL, and the other way round. The
    file contains password hashes, so only its owner can read it.
    """
    from koyjabo.maintenance import backup as backups

    with application() as services:
        head = backups.back_up(file, force, services.clock, progress.of)
    click.echo(f"Backed up {sum(head.rows.values()):,} rows ({head.rows['visits']:,} visits) to {file}.")


@click.command()
@file
@click.option("--force", is_flag=True, help="Overwrite a database that is in use. Its data is lost.")
def restore(file: Path, force: bool) -> None:
    """Replace the contents of the database with the backup FILE.

    All or nothing: the file is checked first, and the restored visits are recounted. A running server waits until this
    is done, then continues from the restored numbers in a new epoch, which open pages follow. All users have to log in
    again.
    """
    from koyjabo.maintenance import backup as backups

    with application() as services:
        head = backups.restore(file, force, services.clock, progress.of)
    click.echo(f"Restored and recounted {head.rows['visits']:,} visits. The total is {head.total:,}.")
