"""`koyjabo forget`"""

from __future__ import annotations

import click

from koyjabo.cli import application, main, progress


@main.command()
@click.argument("visitor_id")
def forget(visitor_id: str) -> None:
    """Erase the visitor VISITOR_ID, and leave every total as it was.

    Whoever comes with that id again is a new visitor. May run beside a busy server; when it was interrupted, run it
    again.
    """
    with application() as services:
        visits = services.maintenance.erasure.count(visitor_id)
        with progress.of(visits, "Forgetting") as advance:
            services.maintenance.erasure.forget(visitor_id, advance)
    click.echo(f"Forgotten; visits: {visits}. Every total is as it was.")
