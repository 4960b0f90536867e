"""`koyjabo backup` and `restore`"""

from pathlib import Path

import click

from koyjabo.base.core.command_line import application, ended_by_signals, progress
from koyjabo.base.core.errors import Unusable
from koyjabo.base.core.runtime import unreported
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings
from . import backup_file


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option("--quiet", is_flag=True, help="Print only errors.")
def backup(file: Path | None, force: bool, quiet: bool) -> None:
    """Back up the whole database, in its current state, to FILE. Without FILE, make and verify a backup in BACKUP_DIR,
    and remove old ones, as the server does every night.

    Safe to run while the server is busy. A SQLite backup can be restored into PostgreSQL, and vice versa. The file
    contains password hashes, so only its owner can read it.
    """
    from . import backup
    from .backups import Backups

    report = unreported if quiet else progress
    with application() as services, ended_by_signals():
        if file is None:
            file, head = services[Backups].make(report)
        else:
            head = backup.back_up(file, force, services.clock, report)
    if not quiet:
        click.echo(f"Backed up {sum(head.rows.values()):,} rows ({head.rows['visits']:,} visits) to {file}.")


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(exists=True))
@click.option("--force", is_flag=True, help="Overwrite a database that already contains data, which is lost.")
def restore(source: str, force: bool) -> None:
    """Replace the contents of the database with a backup.

    If FILE is a folder, the newest verified backup in it is used. The file is checked before and the restored visits
    are recounted, so the restore either succeeds completely or changes nothing. A running server waits for the
    restore, then continues from the restored numbers in a new epoch. Open pages follow. All users have to log in again.
    """
    from .restore import restore_file, source_of

    try:
        file = source_of(source)
        backup_file.head(file)  # before a database is created
    except Unusable as error:
        raise click.ClickException(str(error)) from None
    with application("any") as services, ended_by_signals():
        if Path(source) != file:
            click.echo(f"Restoring {file}.")
        head = restore_file(file, force, services.clock, progress)
        services[StoredSettings].refresh()
        left_out = services[StoredSettings].left_out
    click.echo(f"Restored and recounted {head.rows['visits']:,} visits. The total is {head.total:,}.")
    for setting, reason in left_out.items():
        click.echo(f"{setting} is not in use. {reason}")
