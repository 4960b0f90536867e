"""`koyjabo verify`"""

from __future__ import annotations

import click

from koyjabo.core import progress
from koyjabo.core.command_line import application
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.reports.services import ReportServices

REPAIR_IS_NOT_ENOUGH = (
    "The remaining differences cannot be repaired from the stored visits. Restore a backup (koyjabo restore), or leave "
    "them: visits are still counted."
)


@click.command()
@click.option("--repair", is_flag=True, help="Repair what differs from the ledger. Visits wait meanwhile.")
def verify(repair: bool) -> None:
    """Recount the ledger and compare it with the counters and rollups.

    Exits with 0 if they agree. If they differ, prints a line for each difference and exits with 1. Safe to run beside a
    busy server.
    """
    if repair:
        _repair()
        return
    with application() as services:
        found = services[MaintenanceServices].recounts.run(progress.of)
    for problem in found.problems:
        click.echo(problem)
    if found.problems:
        differences = len(found.problems)
        raise click.ClickException(f"The ledger does not agree; differences: {differences:,}, visits: {found.rows:,}.")
    click.echo(f"The ledger agrees with its counters and rollups; visits: {found.rows:,}.")


def _repair() -> None:
    from koyjabo.maintenance import repair as repairs

    with application() as services:
        result = repairs.repair(services[MaintenanceServices].recounts, services.clock, progress.of)
        with progress.of(services[ReportServices].projection.behind(), "Reading visits for reports") as advance:
            services[ReportServices].projection.catch_up(advance)
    for problem in result.repaired:
        click.echo(f"Repaired: {problem}")
    for problem in result.left:
        click.echo(f"Not repaired: {problem}")
    if result.left:
        raise click.ClickException(REPAIR_IS_NOT_ENOUGH)
    click.echo(f"The ledger agrees with its counters and rollups; repaired: {len(result.repaired):,}.")
