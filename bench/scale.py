"""Computes which part is full first with 10,000 to 10 million open pages, and what must change then.

Uses the model in harness/scale_model.py and the costs in bench/results/costs.json, measured at 17571ea. Prints tables;
the same text goes to bench/results/scale.txt.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import click
from harness import scale_model as model
from harness.folders import RESULTS
from harness.reporting import machine
from harness.reporting.tables import Report
from harness.scale_model import Costs, Load, Plant

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
FULLEST = 4
ONE_WORKER = (1000, 5000, 10_000, 20_000)
SETTINGS = Plant(interval_s=1.0, retention_days=30.0)
PACED = replace(SETTINGS, bus_pace_s=1.0, pages_a_worker=10_000)
PLANS = {
    "as it comes": Plant(),
    "with settings": SETTINGS,
    "messages paced": PACED,
    "one process for 16": replace(PACED, relayed=True, workers_an_instance=16.0, redis_parts=16.0),
}
WORDS = {
    "as it comes": "every setting at its default; workers of 5,000 pages",
    "with settings": "UPDATE_INTERVAL_MS=1000, RETENTION_DAYS=30",
    "messages paced": "and a worker sends to the others once a second (not built); workers of 10,000 pages",
    "one process for 16": "and one process reads and writes for 16 workers, Redis in 16 parts (not built)",
}


@click.command(help=__doc__)
@click.option("--stay", default=Load.stay_s, show_default=True, help="how long a page is open, s")
def main(stay: float) -> None:
    costs, report = Costs(**json.loads((RESULTS / "costs.json").read_text())), Report("scale")
    load = Load(0, stay)
    say_head(report, load)
    report.table(("what one costs", ""), [[name, f"{value:,.2f}"] for name, value in asdict(costs).items()])
    say_worker(report, costs, load)
    say_sizes(report, costs, load)
    say_limits(report, costs, load)
    if load == Load(0):
        report.save()


def say_head(report: Report, load: Load) -> None:
    report.say("Open pages, and which part is full first. Computed; measured is what a single thing costs:")
    for line in (RESULTS / "operations.txt").read_text().splitlines()[:4]:
        report.say(f"  {line}")
    report.say(
        f"A page stays open for {load.stay_s:.0f} s, so for each 1,000 pages {1000 / load.stay_s:.2f} visitors come a "
        f"second at the peak; {load.members:.0%} are members in a community, {load.new_visitors:.0%} of the visits are "
        f"of new visitors, and a day's mean is {load.mean:.0%} of its peak."
    )
    plant = Plant()
    report.say(
        f"A part is full at {plant.core:.0%} of a core, {plant.worker_mb:.0f} MB a worker, "
        f"{plant.instance_mbit:.0f} Mbit/s an instance and as many for Redis, {plant.redis_mb:.0f} MB in Redis; "
        f"PostgreSQL: {plant.sql_cores:.0f} cores, {plant.sql_connections:.0f} connections, {plant.wal_mb_s:.0f} MB/s "
        f"of WAL, {plant.commit_ms:.0f} ms for a worker to wait for the counter row, "
        f"at {plant.round_trip_ms} ms a round trip and {plant.fsync_ms} ms a sync; {plant.ledger_gb:.0f} GB for a year."
    )
    report.say()


def say_worker(report: Report, costs: Costs, load: Load) -> None:
    """Print the figures of one worker without Redis, measured with 10,000 pages."""
    report.say("One worker")
    report.table(
        ("open pages", "CPU, of a core", "for updates", "MB", "updates/s"),
        [_alone(costs, replace(load, pages=size), Plant(pages_a_worker=size)) for size in ONE_WORKER],
    )


def _alone(costs: Costs, load: Load, plant: Plant) -> list[str]:
    sent = model.updates(costs, load, plant)
    return [
        f"{load.pages:,.0f}",
        f"{model.worker_us(costs, load, plant) * model.US:.0%}",
        f"{sent * load.pages * costs.frame_us * model.US:.0%}",
        f"{model.worker_mb(costs, load, plant):.0f}",
        f"{sent:.1f}",
    ]


def say_sizes(report: Report, costs: Costs, load: Load) -> None:
    for name, plant in PLANS.items():
        report.say(f"{name[0].upper()}{name[1:]}: {WORDS[name]}")
        report.table(
            ("open pages", "workers", "visits/s", "updates/s", "Gbit/s out", "TB a month", "messages/s", "full first"),
            [_size(costs, replace(load, pages=size), plant) for size in SIZES],
        )


def say_limits(report: Report, costs: Costs, load: Load) -> None:
    report.say("How many open pages fill a part")
    names = [part.name for part in model.parts(costs, replace(load, pages=1e4), Plant())]
    rows = [
        [name, *(_pages(model.full_at(costs, plant, name, load)) for plant in PLANS.values())] for name in sorted(names)
    ]
    report.table(("", *PLANS), rows)


def _size(costs: Costs, load: Load, plant: Plant) -> list[str]:
    parts = model.parts(costs, load, plant)
    fullest = [f"{part.name} {_percent(part.share)}" for part in parts[:FULLEST] if part.share > 0.3]
    return [
        f"{load.pages:,.0f}",
        f"{model.workers(load, plant):,}",
        f"{load.visits:,.0f}",
        f"{model.updates(costs, load, plant):.1f}",
        f"{model.page_bytes(costs, load, plant) * 8 / 1e9:,.2f}",
        f"{model.traffic_bytes(costs, load, plant) / 1e12:,.0f}",
        f"{model.messages(costs, load, plant):,.0f}",
        "; ".join(fullest),
    ]


def _percent(share: float) -> str:
    return "over all bounds" if share == math.inf else f"{share:.0%}"


def _pages(pages: float) -> str:
    if pages == math.inf:
        return "never"
    digits = max(0, math.floor(math.log10(pages)) - 1)
    return f"{round(pages, -digits):,.0f}"


if __name__ == "__main__":
    machine.run(main)
