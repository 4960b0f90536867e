"""`koyjabo backup` and `restore`"""

from pathlib import Path
from typing import cast

import click

from koyjabo.base.core.command_line import application, ended_by_signals, progress
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--to", "url", metavar="URL", help="A folder or s3://bucket/prefix. Generates and prints the file name.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def backup(file: Path | None, url: str | None, force: bool) -> None:
    """Back up the whole database, in its current state, to FILE, or to a folder or bucket under a generated name.

    Safe to run while the server is busy. A SQLite backup can be restored into PostgreSQL, and vice versa. The file
    contains password hashes, so only its owner can read it.
    """
    from . import backup, backup as backups

    if (file is None) == (url is None):
        raise click.UsageError("Give either FILE or --to URL.")
    with application() as services, ended_by_signals():
        if file is not None:
            name, head = None, backups.back_up(file, force, services.clock, progress)
        else:
            name, head = backup.send(cast(str, url), services.clock, progress)
    click.echo(f"Backed up {sum(head.rows.values()):,} rows ({head.rows['visits']:,} visits) to {file or url}.")
    if name is not None:
        click.echo(name)


@click.command()
@click.argument("source", metavar="FILE|URL")
@click.option("--force", is_flag=True, help="Overwrite a database that already contains data, which is lost.")
def restore(source: str, force: bool) -> None:
    """Replace the contents of the database with a backup: a FILE, or s3://bucket/prefix/name.

    If the argument ends in a slash, the latest backup there is used. The file is checked first and the restored visits
    are recounted, so the restore either succeeds completely or changes nothing. A running server waits for the restore,
    then continues from the restored numbers in a new epoch. Open pages follow. All users have to log in again.
    """
    from . import backup, backup as backups

    with application() as services, ended_by_signals(), backup.fetched(source, progress) as (path, name):
        if name != source:
            click.echo(f"Restoring {name}.")
        head = backups.restore(path, force, services.clock, progress)
        services[StoredSettings].refresh()
        left_out = services[StoredSettings].left_out
    click.echo(f"Restored and recounted {head.rows['visits']:,} visits. The total is {head.total:,}.")
    for setting, reason in left_out.items():
        click.echo(f"{setting} is not in use. {reason}")
