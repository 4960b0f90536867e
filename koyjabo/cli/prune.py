"""`koyjabo prune`"""

from __future__ import annotations

import click

from koyjabo.cli import application, main, progress


@main.command()
@click.option("--days", type=click.IntRange(1, 36500), help="Days to keep before today; RETENTION_DAYS if not said.")
@click.option("--dry-run", is_flag=True, help="Only say how many visits that would be.")
def prune(days: int | None, dry_run: bool) -> None:
    """Fold visits of long ago into sums, as the server does by night.

    Every number stays as it is; what is gone is who came, when, and from where. May run beside a busy server, but not
    beside an import; when it was interrupted, the next time goes on from there.
    """
    with application() as services:
        past = services.maintenance.retention.past(days)
        if dry_run:
            count = services.maintenance.retention.count(past)
            click.echo(f"Visits of days before {past.first_kept}: {count}. Nothing was changed.")
            return
        with progress.of(past.length, "Folding") as advance:
            pruned = services.maintenance.retention.prune(past, advance)
    click.echo(
        f"Folded the visits of days before {past.first_kept}: {pruned.visits}; "
        f"the longest transaction took {pruned.longest_ms} ms."
    )
