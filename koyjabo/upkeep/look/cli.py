"""`koyjabo mark`."""

import click

from koyjabo.base.core.command_line import application
from koyjabo.base.core.identity import OPERATOR
from .site_marks import SiteMarks


@click.command()
@click.option("--remove", is_flag=True, required=True, help="Remove the mark.")
def mark(remove: bool) -> None:
    """Remove the mark of the site. A running server follows within 3 seconds."""
    with application() as services:
        services[SiteMarks].change(OPERATOR, None)
    click.echo("The site has no mark.")
