"""Measures how all clients reconnect after a restart: the server's CPU time per client, and the seconds until all have
the number.

Plain WebSockets, and separately the same number of Socket.IO clients, reconnect with 32 handshakes at a time. Prints a
table and, with an earlier version, the ratios; the same text goes to bench/results/reconnect.txt.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

import click
from harness.clients.websocket_clients import allow_files, connect
from harness.measurements.broadcasts import deployed
from harness.measurements.contenders import Candidate, Testbed, prepared
from harness.reporting import machine
from harness.reporting.tables import NO_WORSE, Target, in_turn, ratio, say_targets
from harness.servers import process_figures as proc
from harness.servers import versions
from harness.servers.databases import fresh
from harness.servers.versions import THIS, Version

HEAD = ("", "CPU µs/connect", "least-most", "all back s", "least-most", "without number", "lost")


@dataclass(frozen=True)
class Reconnection:
    cpu_us: float  # of the new server, per client
    took_s: float  # from when the new server responds
    missing: int  # clients that did not receive the number
    lost: int


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="300 sockets, one round, only to see that it works; not stored")
@versions.option
def main(quick: bool, before: Version | None) -> None:
    sockets, rounds = (300, 1) if quick else (10_000, 3)
    machine.demand("cc", "taskset")
    cores = machine.two_cores()
    allow_files(sockets)
    report = machine.begin_report(
        "reconnect",
        f"{sockets:,} sockets of one kind come back after a restart of their server",
        f"server on core {cores[0]}, clients on core {cores[1]}; one worker on SQLite",
        f"medians of {rounds} interleaved rounds",
    )
    os.sched_setaffinity(0, {cores[1]})  # keep this process off the servers' core
    ours, older = deployed(THIS), deployed(before) if before else ()
    candidates = [*ours, *older]
    results: dict[Candidate, list[Reconnection]] = {candidate: [] for candidate in candidates}
    with prepared(cores) as testbed:
        for candidate in in_turn(candidates, rounds, f": {sockets:,} connections"):
            results[candidate].append(reconnect(candidate, testbed, sockets))
    report.table(HEAD, [row(candidate.name, figures) for candidate, figures in results.items()])
    if older:
        pairs = zip(ours, older, strict=True)
        say_targets(report, [compare(results, *pair, figure) for pair in pairs for figure in ("cpu_us", "took_s")])
    if not quick:
        report.save()


def reconnect(candidate: Candidate, testbed: Testbed, size: int) -> Reconnection:
    with ExitStack() as stack:
        server = testbed.server(candidate, stack.enter_context(fresh(testbed.folder)))
        with server:
            clients = stack.enter_context(connect(server.port, candidate.endpoint, size, testbed.load_core))
            clients.settle()
        with server:
            before = proc.cpu_us(server.pid)
            seen = clients.reconnect()
            cpu_us = (proc.cpu_us(server.pid) - before) / size
    return Reconnection(cpu_us, seen.took_ms / 1000, size - seen.updated, seen.lost)


def row(name: str, reconnections: Sequence[Reconnection]) -> list[str]:
    cpu, took = [one.cpu_us for one in reconnections], [one.took_s for one in reconnections]
    spreads = f"{min(cpu):.0f}-{max(cpu):.0f}", f"{min(took):.2f}-{max(took):.2f}"
    missing, lost = sum(one.missing for one in reconnections), sum(one.lost for one in reconnections)
    return [name, f"{median(cpu):.0f}", spreads[0], f"{median(took):.2f}", spreads[1], f"{missing}", f"{lost}"]


def compare(results: dict[Candidate, list[Reconnection]], ours: Candidate, theirs: Candidate, figure: str) -> Target:
    measured = ratio(results[ours], results[theirs], attrgetter(figure))
    what = {"cpu_us": "CPU/connect", "took_s": "seconds until all are back"}[figure]
    return Target(f"{what}, {ours.name} / {theirs.name}", measured, most=NO_WORSE)


if __name__ == "__main__":
    machine.run(main)
