"""`koyjabo stats`"""

from __future__ import annotations

import json

import click

from koyjabo.cli import application, main


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def stats(as_json: bool) -> None:
    """Show the totals as the database has them.

    Who is active right now only the running server knows: ask its GET /api/stats.
    """
    with application() as services:
        now = services.counting.visits.stats()
    figures = {"total": now.total, "today": now.today, "unique_visitors": now.unique_visitors}
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, number in figures.items():
        click.echo(f"{name.replace('_', ' ').capitalize():<16}{number}")
