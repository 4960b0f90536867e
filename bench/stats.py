"""Measures GET /api/stats with 10 and with 10 million stored visits, and constant responses.

Fills ledgers first (they are kept in bench/.cache/ledgers). Prints tables and the ratios with their targets; the same
text goes to bench/results/stats.txt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import click
from harness.clients import http_load as load
from harness.measurements import contenders
from harness.measurements.contenders import WARM_UP_S, Contender, Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import Report, Target, in_turn, ratio, say_targets
from harness.servers.databases import SQLITE
from harness.servers.ledgers import filled, wait_until_read
from support.databases.database import Database

CONNECTIONS = 64
FEW = 10
STATS = "/api/stats"


@dataclass(frozen=True)
class Subject:
    """A server on a database."""

    name: str
    server: Contender
    database: Database


Readings = Mapping[str, list[load.Figures]]
"""Figures of each round, by subject."""


def name_of(visits: int) -> str:
    return f"this server, SQLite, {visits:,} visits"


OURS = name_of(FEW)


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--visits", default=10_000_000, show_default=True, help="visits in the large ledger")
@click.option("--quick", is_flag=True, help="one round of one second, only to see that it works")
def main(save: bool, visits: int, quick: bool) -> None:
    rounds, seconds = (1, 1) if quick else (3, 4)
    machine.demand("cc", "taskset", "node")
    cores = machine.two_cores()
    report = machine.begin_report(
        "stats",
        f"GET /api/stats, {CONNECTIONS} connections",
        f"server on core {cores[0]}, clients and PostgreSQL on core {cores[1]}; Node {machine.node_version()}",
        f"medians of {rounds} interleaved rounds, {seconds} s each",
    )
    with prepared(cores, SQLITE) as testbed:
        readings = read_all(subjects(visits, testbed), testbed, rounds, seconds)
    say_readings(report, readings)
    say_targets(report, targets(readings, visits))
    if save and not quick:
        report.save()


def subjects(visits: int, testbed: Testbed) -> list[Subject]:
    few, many = (filled("visits", count, is_kept=True) for count in (FEW, visits))
    with testbed.server(contenders.ON_SQLITE, many) as reading:
        wait_until_read(reading, many)
    constant = (contenders.FLASK, contenders.NODE)
    return [
        Subject(OURS, contenders.ON_SQLITE, few),
        Subject(name_of(visits), contenders.ON_SQLITE, many),
        *(Subject(contender.name, contender, few) for contender in constant),
    ]


def read_all(subjects: list[Subject], testbed: Testbed, rounds: int, seconds: int) -> Readings:
    readings: dict[str, list[load.Figures]] = {}
    for subject in in_turn(subjects, rounds):
        with testbed.server(subject.server, subject.database) as server:
            begin = partial(load.get, server.port, STATS, CONNECTIONS, core=testbed.load_core)
            begin(WARM_UP_S)
            figures = testbed.measure(subject.server, server, partial(begin, seconds))
            readings.setdefault(subject.name, []).append(figures)
    return readings


def say_readings(report: Report, readings: Readings) -> None:
    flask = readings[contenders.FLASK.name]
    report.say(f"GET {STATS}")
    report.table(load.HEAD, [load.row(name, figures, flask) for name, figures in readings.items()])


def targets(readings: Readings, visits: int) -> list[Target]:
    def compared(name: str, other: str, figure: str, **bounds: float) -> Target:
        measured = ratio(readings[name], readings[other], itemgetter(figure))
        return Target(f"{figure}, {name} / {other}", measured, **bounds)

    return [
        *(compared(ours, contenders.FLASK.name, "rate", least=0.9) for ours in (OURS, name_of(visits))),
        compared(name_of(visits), OURS, "rate", least=0.9, most=1.1),
        compared(OURS, contenders.NODE.name, "cpu_us", most=1.5),
    ]


if __name__ == "__main__":
    machine.run(main)
