"""`koyjabo forget` and `prune`"""

import click

from koyjabo.base.core.command_line import application, progress
from koyjabo.counting.services import CountingServices
from .erasure import Erasure
from .retention import Retention


@click.command()
@click.argument("visitor_id")
def forget(visitor_id: str) -> None:
    """Erase the data of the visitor VISITOR_ID, and the visitor's anonymous visits of today. All totals stay the same.
    A later visit with this id counts as a new visitor. Safe to run while the server is busy. If it is interrupted, run
    it again.
    """
    with application() as services:
        erasure, hashes = services[Erasure], services[CountingServices].anonymity.names(visitor_id)
        visits = sum(map(erasure.count, (visitor_id, *hashes)))
        with progress(visits, "Erasing") as advance:
            erasure.forget(visitor_id, advance, hashes)
    click.echo(f"Erased the visitor (visits: {visits:,}). All totals stay the same.")


@click.command()
@click.option("--days", type=click.IntRange(1, 36500), help="Days to keep before today. Default: RETENTION_DAYS.")
@click.option("--dry-run", is_flag=True, help="Only show how many visits this would affect.")
def prune(days: int | None, dry_run: bool) -> None:
    """Roll up old visits into sums, as the server does every night. All numbers stay the same, but the record of who
    came, when and from where is deleted. Safe to run while the server is busy, but not during an import. If
    interrupted, the next run continues.
    """
    with application() as services:
        past = services[Retention].past(days)
        if dry_run:
            count = services[Retention].count(past)
            click.echo(f"Visits before {past.first_kept}: {count:,}. Nothing was changed.")
            return
        with progress(services[Retention].count(past), "Rolling up") as advance:
            pruned = services[Retention].prune(past, advance)
    click.echo(
        f"Rolled up {pruned.visits:,} visits from before {past.first_kept} into sums "
        f"(longest transaction {pruned.longest_ms:,} ms)."
    )
