"""`koyjabo prune`"""

from __future__ import annotations

import click

from koyjabo.core import progress
from koyjabo.core.command_line import application
from koyjabo.maintenance.services import MaintenanceServices


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
        with progress.of(past.length, "Folding") as advance:
            pruned = services[MaintenanceServices].retention.prune(past, advance)
    click.echo(
        f"Folded {pruned.visits:,} visits from before {past.first_kept} into sums "
        f"(longest transaction {pruned.longest_ms:,} ms)."
    )
