"""`koyjabo backup` and `koyjabo restore`"""

from __future__ import annotations

from pathlib import Path

import click

from koyjabo.cli import application, main, progress

file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@main.command()
@file
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
def backup(file: Path, force: bool) -> None:
    """Write everything in the database to FILE, as it is at this moment.

    May run beside a busy server. Both kinds of database can be restored from the file, so it is also how one moves from
    SQLite to PostgreSQL. It holds password hashes: only its owner may read it.
    """
    from koyjabo.maintenance import backup as backups

    with application() as services:
        made = backups.back_up(file, force, services.clock, progress.of)
    click.echo(f"{file} has {sum(made.rows.values()):,} rows, {made.rows['visits']:,} visits among them.")


@main.command()
@file
@click.option("--force", is_flag=True, help="Replace a database that is in use, and lose what it holds.")
def restore(file: Path, force: bool) -> None:
    """Put what the backup FILE holds in place of what is in the database.

    All of it or nothing: the file is checked first, and what came of it recounted. A running server waits meanwhile and
    then goes on from the restored numbers, in a new epoch, which open pages follow. Everybody has to log in again.
    """
    from koyjabo.maintenance import backup as backups

    with application() as services:
        held = backups.restore(file, force, services.clock, progress.of)
    click.echo(f"Restored {held.rows['visits']:,} visits, and recounted them: the total is {held.total:,}.")
