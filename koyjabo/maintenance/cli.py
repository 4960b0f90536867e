"""`koyjabo backup`, `restore`, `forget`, `prune`, `total …` and `verify`"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from koyjabo.core.command_line import application, ended_by_signals, progress
from koyjabo.core.identity import OPERATOR
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.reports.services import ReportServices
from koyjabo.webhooks.services import WebhookServices


@click.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--to", "url", metavar="URL", help="A folder, or s3://bucket/prefix: names the file there, and prints it."
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def backup(file: Path | None, url: str | None, force: bool) -> None:
    """Back up the whole database to FILE, as it is at this moment, or under a name of its own to a folder or bucket.

    Safe to run beside a busy server. A backup of SQLite can be restored into PostgreSQL, and the other way round. The
    file contains password hashes, so only its owner can read it.
    """
    from koyjabo.maintenance.backups import backup as backups
    from koyjabo.maintenance.backups import transfers

    if (file is None) == (url is None):
        raise click.UsageError("Give either FILE or --to URL.")
    with application() as services, ended_by_signals():
        if file is not None:
            name, head = None, backups.back_up(file, force, services.clock, progress)
        else:
            name, head = transfers.send(cast(str, url), services.clock, progress)
    click.echo(f"Backed up {sum(head.rows.values()):,} rows ({head.rows['visits']:,} visits) to {file or url}.")
    if name is not None:
        click.echo(name)


@click.command()
@click.argument("source", metavar="FILE|URL")
@click.option("--force", is_flag=True, help="Overwrite a database that is in use. Its data is lost.")
def restore(source: str, force: bool) -> None:
    """Replace the contents of the database with a backup: a FILE, or s3://bucket/prefix/name. Where FILE or URL ends in
    a slash, it is the newest backup there.

    All or nothing: the file is checked first, and the restored visits are recounted. A running server waits until this
    is done, then continues from the restored numbers in a new epoch, which open pages follow. All users have to log in
    again.
    """
    from koyjabo.maintenance.backups import backup as backups
    from koyjabo.maintenance.backups import transfers

    with application() as services, ended_by_signals(), transfers.fetched(source, progress) as (path, name):
        if name != source:
            click.echo(f"Restoring {name}.")
        head = backups.restore(path, force, services.clock, progress)
        services[WebhookServices].sealer.seal_urls()  # a backup of an older version has them in clear
    click.echo(f"Restored and recounted {head.rows['visits']:,} visits. The total is {head.total:,}.")


@click.command()
@click.argument("visitor_id")
def forget(visitor_id: str) -> None:
    """Erase the data of the visitor VISITOR_ID, with the anonymous visits of today. All totals stay the same.

    A later visit with this id counts as a new visitor. Safe to run beside a busy server. If it is interrupted, run it
    again.
    """
    with application() as services:
        erasure, hashes = services[MaintenanceServices].erasure, services[CountingServices].anonymity.names(visitor_id)
        visits = sum(map(erasure.count, (visitor_id, *hashes)))
        with progress(visits, "Erasing") as advance:
            erasure.forget(visitor_id, advance, hashes)
    click.echo(f"Erased the visitor (visits: {visits:,}). All totals stay the same.")


@click.command()
@click.option("--days", type=click.IntRange(1, 36500), help="Days to keep before today. Default: RETENTION_DAYS.")
@click.option("--dry-run", is_flag=True, help="Only show how many visits this would affect.")
def prune(days: int | None, dry_run: bool) -> None:
    """Fold old visits into sums, as the server does every night.

    All numbers stay the same; who came, when and from where is deleted. Safe to run beside a busy server, but not
    beside an import. If it is interrupted, the next run continues from there.
    """
    with application() as services:
        past = services[MaintenanceServices].retention.past(days)
        if dry_run:
            count = services[MaintenanceServices].retention.count(past)
            click.echo(f"Visits before {past.first_kept}: {count:,}. Nothing was changed.")
            return
        with progress(past.length, "Folding") as advance:
            pruned = services[MaintenanceServices].retention.prune(past, advance)
    click.echo(
        f"Folded {pruned.visits:,} visits from before {past.first_kept} into sums "
        f"(longest transaction {pruned.longest_ms:,} ms)."
    )


@click.group()
def total() -> None:
    """Change the site's total."""


@total.command("set")
@click.argument("number", type=click.IntRange(min=0, max=10**15))
@click.option("--new-epoch", is_flag=True, help="Start a new count, so that the total can go down.")
def set_total(number: int, new_epoch: bool) -> None:
    """Set the total to NUMBER, to continue an older counter: the next visit is NUMBER + 1.

    The change is recorded as an adjustment. Safe to run beside a busy server, whose pages follow at once. A lower total
    needs --new-epoch, because open pages ignore a lower number of the same count.
    """
    with application() as services:
        before, after = services[MaintenanceServices].total.set_total(OPERATOR, number, "koyjabo total set", new_epoch)
    click.echo(f"The total was {before:,} and is now {after:,}.")


REPAIR_IS_NOT_ENOUGH = (
    "The remaining differences cannot be repaired from the stored visits. Restore a backup (koyjabo restore), or leave "
    "them: visits are still counted."
)


@click.command()
@click.option("--repair", is_flag=True, help="Repair what differs from the ledger. Visits wait meanwhile.")
def verify(repair: bool) -> None:
    """Recount the ledger and compare it with the counters and rollups.

    Exits with 0 if they agree. If they differ, prints a line for each difference and exits with 1. Safe to run beside a
    busy server. The result is also in the audit log.
    """
    if repair:
        _repair()
        return
    with application() as services:
        result = services[MaintenanceServices].recounts.verify(progress)
    for problem in result.problems:
        click.echo(problem)
    if result.problems:
        differences = len(result.problems)
        raise click.ClickException(f"The ledger does not agree; differences: {differences:,}, visits: {result.rows:,}.")
    click.echo(f"The ledger agrees with its counters and rollups; visits: {result.rows:,}.")


def _repair() -> None:
    from koyjabo.maintenance import recount_job as repairs

    with application() as services:
        result = repairs.repair(services[MaintenanceServices].recounts, services.clock, progress)
        with progress(services[ReportServices].projection.behind(), "Reading visits for reports") as advance:
            services[ReportServices].projection.catch_up(advance)
    for problem in result.repaired:
        click.echo(f"Repaired: {problem}")
    for problem in result.left:
        click.echo(f"Not repaired: {problem}")
    if result.left:
        raise click.ClickException(REPAIR_IS_NOT_ENOUGH)
    click.echo(f"The ledger agrees with its counters and rollups; repaired: {len(result.repaired):,}.")
