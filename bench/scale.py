"""Which part is full first, at 10,000, 100,000, 1 million and 10 million open pages, and what changes then?

Arithmetic (harness/scale_model.py) on what `make bench-asks` has measured.
Prints tables; the same text goes to bench/results/scale.txt.
"""

from __future__ import annotations

import click
from harness.folders import RESULTS
from harness.scale_costs import read
from harness.scale_model import Load
from harness.scale_report import say_costs, say_head, say_limits, say_sizes, say_worker
from harness.tables import Report

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@click.command(help=__doc__)
@click.option("--stay", default=Load.stay_s, show_default=True, help="how long a page is open, s")
@click.option("--members", default=Load.members, show_default=True, help="share of pages of members in a community")
@click.option("--mean", default=Load.mean, show_default=True, help="the mean of a day, of its peak")
@click.option("--new-visitors", default=Load.new_visitors, show_default=True, help="of the visits")
def main(stay: float, members: float, mean: float, new_visitors: float) -> None:
    costs, report = read(RESULTS / "asks.json"), Report()
    load = Load(0, stay, new_visitors=new_visitors, members=members, mean=mean)
    say_head(report, load, (RESULTS / "asks.txt").read_text())
    say_costs(report, costs)
    say_worker(report, costs, load)
    say_sizes(report, costs, load, SIZES)
    say_limits(report, costs, load)
    if load == Load(0):
        report.save(RESULTS / "scale.txt")


if __name__ == "__main__":
    main()
