"""Compares what the server reads from data that other people made with what they say about it.

Prints a table: the corpus and its version, how many of its entries the server reads as the corpus says, and the largest
classes of mistakes.
"""

from __future__ import annotations

import click
from harness.reporting.tables import Report
from support.corpora import addresses, domains, sources, user_agents, websocket_suite

CORPORA = (
    user_agents.agreements,
    sources.agreements,
    addresses.agreements,
    domains.agreements,
    websocket_suite.agreements,
)
HEAD = ("what", "corpus", "right", "wrong", "agreement", "largest classes of mistakes")


@click.command(help=__doc__)
@click.option("--entries", is_flag=True, help="also print each entry that is read wrong")
def main(entries: bool) -> None:
    agreements = [agreement for of_corpora in CORPORA for agreement in of_corpora()]
    Report().table(HEAD, [agreement.row() for agreement in agreements])
    for agreement in agreements if entries else ():
        for entry, mistake in agreement.wrong.items():
            click.echo(f"{agreement.what}\t{mistake}\t{entry}")


if __name__ == "__main__":
    main()
