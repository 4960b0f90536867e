"""`koyjabo forget`"""

import click

from koyjabo.base.core.command_line import application, progress
from koyjabo.counting.anonymity import Anonymity
from .erasure import Erasure


@click.command()
@click.argument("visitor_id")
def forget(visitor_id: str) -> None:
    """Erase the data of the visitor VISITOR_ID.

    Also erases the visitor's anonymous visits of today. All totals stay the same. A later visit with this id counts as
    a new visitor. Safe to run while the server is busy. If it is interrupted, run it again.
    """
    with application() as services:
        erasure, hashes = services[Erasure], services[Anonymity].names(visitor_id)
        visits = sum(map(erasure.count, (visitor_id, *hashes)))
        with progress(visits, "Erasing") as advance:
            erasure.forget(visitor_id, advance, hashes)
    click.echo(f"Erased the visitor (visits: {visits:,}). All totals stay the same.")
