"""`koyjabo verify`"""

from __future__ import annotations

import sys

import click

from koyjabo.cli import application, main


@main.command()
def verify() -> None:
    """Recount the ledger and compare it with the counters and rollups.

    Exits with 0 when they agree, and with 1 and a line for each difference when they do not. May run beside a busy
    server.
    """
    from koyjabo.bookkeeping import recounting

    with (
        application(),
        recounting() as recount,
        click.progressbar(length=recount.rows, label="Recounting", file=sys.stderr) as bar,
    ):
        problems = recount.run(bar.update)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"The ledger does not agree; differences: {len(problems)}, visits: {recount.rows}.")
    click.echo(f"The ledger agrees with its counters and rollups; visits: {recount.rows}.")
