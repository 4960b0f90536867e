"""`koyjabo stats`"""

import json

import click

from koyjabo.base.core.command_line import application
from .visits import Visits


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def stats(as_json: bool) -> None:
    """Show the totals in the database. The number of active visitors is only known to the running server: see its GET
    /api/stats.
    """
    with application() as services:
        now = services[Visits].stats()
    snapshot = {"total": now.total, "today": now.today, "unique_visitors": now.unique_visitors}
    if as_json:
        click.echo(json.dumps(snapshot))
        return
    for name, number in snapshot.items():
        click.echo(f"{name.replace('_', ' ').capitalize():<16}{number:,}")
