"""`koyjabo forget`"""

from __future__ import annotations

import click

from koyjabo.core import progress
from koyjabo.core.command_line import application
from koyjabo.counting.services import CountingServices
from koyjabo.maintenance.services import MaintenanceServices


@click.command()
@click.argument("visitor_id")
def forget(visitor_id: str) -> None:
    """Erase the data of the visitor VISITOR_ID, with the anonymous visits of today. All totals stay the same.

    A later visit with this id counts as a new visitor. Safe to run beside a busy server. If it is interrupted, run it
    again.
    """
    with application() as services:
        erasure, hashes = services[MaintenanceServices].erasure, services[CountingServices].anonymity.names(visitor_id)
        visits = sum(map(erasure.count, (visitor_id, *hashes)))
        with progress.of(visits, "Erasing") as advance:
            erasure.forget(visitor_id, advance, hashes)
    click.echo(f"Erased the visitor (visits: {visits:,}). All totals stay the same.")
