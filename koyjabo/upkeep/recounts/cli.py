"""`koyjabo total …` and `verify`"""

import click

from koyjabo.base.core.command_line import application, progress, whole_number
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.settings.checks import MAX_TOTAL
from .recounts import Recounts
from .total import TotalAdjuster

REPAIR_IS_NOT_ENOUGH = (
    "The remaining differences cannot be repaired from the stored visits. Restore a backup (koyjabo restore), or leave "
    "them: visits are still counted."
)


@click.group()
def total() -> None:
    """Change the site's total."""


class SetTotal(click.Command):
    """A command whose argument may be typed as a negative number, which Click takes for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        negative = [text for text in args if text.startswith("-") and text[1:].isdecimal()]
        return super().parse_args(ctx, [*(text for text in args if text not in negative), "--", *negative])


@total.command("set", cls=SetTotal)
@click.argument("number", callback=whole_number(MAX_TOTAL))
@click.option("--new-epoch", is_flag=True, help="Start a new count, so that the total can go down.")
def set_total(number: int, new_epoch: bool) -> None:
    """Set the total to NUMBER, to continue an older counter.

    The next visit gets NUMBER + 1. The change is recorded as an adjustment. Safe to run while the server is busy; open
    pages update at once. A lower total needs --new-epoch, because open pages otherwise ignore it.
    """
    with application("new") as services:
        before, after = services[TotalAdjuster].set_total(OPERATOR, number, "koyjabo total set", new_epoch)
    click.echo(f"The total was {before:,} and is now {after:,}.")


@total.command()
def begin() -> None:
    """Begin a new counter, with STARTING_TOTAL, where a SQLite database was lost.

    Asks first. A server and all other commands but `restore` refuse to begin a database where another one has counted.
    """
    click.confirm("Begin a new counter, without the visits of the lost database?", abort=True, err=True)
    with application("any") as services:
        preview = services[TotalAdjuster].preview(OPERATOR, 0, new_epoch=True)
        if preview.has_visits:
            raise click.ClickException("This counter has visits. To change its total, use: koyjabo total set")
    click.echo(
        f"The total is {preview.totals.before:,}. Choose another BACKUP_DIR if it has backups of the lost database."
    )


def begin_with(number: int) -> None:
    """Set the total of a counter without visits. Raises ClickException if it has some."""
    with application("new") as services:
        if not services[TotalAdjuster].begin_with(number):
            raise click.ClickException(
                "This counter has visits, and --total is only for a new one. To change its total, use: "
                f"koyjabo total set {number}"
            )


@click.command()
@click.option("--repair", is_flag=True, help="Repair all differences from the ledger. Visits wait until it is done.")
def verify(repair: bool) -> None:
    """Recount the ledger and compare it with the counters and sums.

    Exits with 0 if they agree. If they differ, prints a line for each difference and exits with 1. Safe to run while
    the server is busy. The result is also in the audit log.
    """
    if repair:
        _repair()
        return
    with application() as services:
        result = services[Recounts].verify(progress)
    for problem in result.problems:
        click.echo(problem)
    if result.problems:
        differences = len(result.problems)
        raise click.ClickException(f"The ledger does not agree; differences: {differences:,}, visits: {result.rows:,}.")
    click.echo(f"The ledger agrees with its counters and sums; visits: {result.rows:,}.")


def _repair() -> None:
    with application() as services:
        repaired, left = services[Recounts].repair(progress)
        services[Recounts].store_blocks(progress)
    for problem in repaired:
        click.echo(f"Repaired: {problem}")
    for problem in left:
        click.echo(f"Not repaired: {problem}")
    if left:
        raise click.ClickException(REPAIR_IS_NOT_ENOUGH)
    click.echo(f"The ledger agrees with its counters and sums; repaired: {len(repaired):,}.")
