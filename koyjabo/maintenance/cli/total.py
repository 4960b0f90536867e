"""`koyjabo total …`"""

from __future__ import annotations

import click

from koyjabo.core.command_line import application
from koyjabo.core.identity import OPERATOR
from koyjabo.maintenance.services import MaintenanceServices


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
