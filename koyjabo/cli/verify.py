"""`koyjabo verify`"""

from __future__ import annotations

import click

from koyjabo.cli import application, main, progress

REPAIR_IS_NOT_ENOUGH = (
    "This cannot be told from the visits that there are. Restore a backup (koyjabo restore), or leave it as it is: "
    "visits go on being counted."
)


@main.command()
@click.option("--repair", is_flag=True, help="Put right what the ledger says otherwise. Visits wait while it does.")
def verify(repair: bool) -> None:
    """Recount the ledger and compare it with the counters and rollups.

    Exits with 0 when they agree, and with 1 and a line for each difference when they do not. May run beside a busy
    server.
    """
    from koyjabo.maintenance.recount import recounting

    if repair:
        _repair()
        return
    with application(), recounting() as recount, progress.of(recount.rows, "Recounting") as advance:
        problems = recount.run(advance)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"The ledger does not agree; differences: {len(problems)}, visits: {recount.rows}.")
    click.echo(f"The ledger agrees with its counters and rollups; visits: {recount.rows}.")


def _repair() -> None:
    from koyjabo.maintenance import repair as repairs

    with application() as services:
        made = repairs.repair(services.clock, progress.of)
    for problem in made.repaired:
        click.echo(f"Repaired: {problem}")
    for problem in made.left:
        click.echo(f"Left: {problem}")
    if made.left:
        raise click.ClickException(REPAIR_IS_NOT_ENOUGH)
    click.echo(f"The ledger agrees with its counters and rollups; repaired: {len(made.repaired)}.")
