"""Measures one change pushed to thousands of open connections: CPU, time and memory.

Compares this server, with each kind of client, to other servers, to a loop of send() in C, and to an earlier version.
Prints tables and the ratios with their targets; the same text goes to bench/results/push.txt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from operator import attrgetter
from statistics import median

import click
from harness.clients.websocket_clients import allow_files
from harness.measurements import rivals
from harness.measurements.broadcasts import (
    OURS,
    OURS_DEFLATE,
    OURS_PLAIN,
    OURS_STREAMS,
    READS_A_SECOND,
    VISITS_A_SECOND,
    HttpLatency,
    Measurement,
    run_rounds,
    started,
    with_trigger,
)
from harness.measurements.contenders import Candidate, prepared
from harness.reporting import machine
from harness.reporting.tables import NO_WORSE, Report, Target, ratio, say_targets
from harness.servers import versions
from harness.servers.versions import Version

FEW, MANY = 1_000, 10_000
MAX_OF = {
    rivals.FLOOR: 1.6,
    rivals.NCHAN: 1.1,
    rivals.UWS: 1.2,
    rivals.WS: 1.0,
    rivals.NODE_SOCKET_IO: 1.0,
    rivals.STOCK: 0.4,
}
"""Maximum CPU time per frame, as a ratio to other servers with the same kind of client."""

MAX_KB = {OURS: 5.0, OURS_PLAIN: 1.5, OURS_DEFLATE: 1.5, OURS_STREAMS: 1.5}
HEAD = (
    "",
    "CPU µs/frame",
    "least-most",
    "last client ms",
    "least-most",
    "KB/connection",
    "later",
    "CPU µs/connect",
    "bytes",
    "",
)
LATENCY_HEAD = ("", "updates/s to each", "p99 ms before", "p99 ms", "most ms", "errors")


Results = Mapping[Candidate, Measurement]


@click.command(help=__doc__)
@click.option("--save", is_flag=True, help="store the output in bench/results")
@click.option("--rounds", default=9, show_default=True, help="rounds for each server")
@click.option("--size", "sizes", type=int, multiple=True, help="number of connections; 1,000 and 10,000 by default")
@click.option("--quick", is_flag=True, help="200 connections, 3 rounds, only to see that it works")
@versions.option
def main(save: bool, rounds: int, sizes: tuple[int, ...], quick: bool, before: Version | None) -> None:
    sizes, rounds, seconds = ((200,), 3, 2) if quick else (sizes or (FEW, MANY), rounds, 20)
    machine.demand("cc", "taskset")
    cores = machine.two_cores()
    allow_files(max(sizes))
    older = with_trigger(before) if before else ()
    others = rivals.pushing()
    present = [other for other in others if not other.missing]
    candidates = [OURS, OURS_PLAIN, OURS_DEFLATE, OURS_STREAMS, *older, *present]
    report = machine.begin_report(
        "push",
        "visitor_update to all open connections",
        f"servers on core {cores[0]}, clients on core {cores[1]}; one worker each",
        f"other servers: {rivals.versions()}",
        f"medians of {rounds} interleaved rounds; CPU is the server's own, without what asking for it costs",
    )
    os.sched_setaffinity(0, {cores[1]})  # keep this process off the servers' core
    all_targets: list[Target] = []
    with prepared(cores) as testbed:
        for size in sizes:
            with started(candidates, testbed, size) as measurements:
                run_rounds(measurements, rounds)
                for measurement in measurements:
                    measurement.finish(testbed, seconds)
            results = {measurement.candidate: measurement for measurement in measurements}
            say_results(report, size, results, others)
            all_targets += targets(size, results, list(zip((OURS, OURS_PLAIN), older, strict=False)))
    say_targets(report, all_targets)
    if save and not quick and present == others:
        report.save()


def say_results(report: Report, size: int, results: Results, others: Sequence[Candidate]) -> None:
    report.say(f"{size:,} open connections")
    rows = [row(candidate.name, seen) for candidate, seen in results.items()]
    report.table(HEAD, [*rows, *rivals.absent(others, len(HEAD))])
    report.say(f"GET /api/stats, {READS_A_SECOND} a second, with {VISITS_A_SECOND} visits a second, all shown")
    report.table(
        LATENCY_HEAD, [latency_row(candidate.name, seen.latency) for candidate, seen in results.items() if seen.latency]
    )


def row(name: str, seen: Measurement) -> list[str]:
    cpu, last = [turn.cpu_us for turn in seen.turns], [turn.last_ms for turn in seen.turns]
    times = [f"{median(cpu):.2f}", f"{min(cpu):.2f}-{max(cpu):.2f}", f"{median(last):.1f}"]
    memory = [f"{seen.idle_kb:.1f}", f"{seen.later_kb:.1f}", f"{seen.connect_us:.0f}", f"{seen.counts.update_bytes}"]
    return [name, *times, f"{min(last):.1f}-{max(last):.1f}", *memory, trouble(seen)]


def latency_row(name: str, seen: HttpLatency) -> list[str]:
    times = [f"{ms:.2f}" for ms in (seen.quiet_p99_ms, seen.p99_ms, seen.most_ms)]
    return [name, f"{seen.updates_a_second:.1f}", *times, str(seen.errors)]


def trouble(seen: Measurement) -> str:
    counts = {
        "updates missing": sum(turn.missing for turn in seen.turns),
        "updates too many": sum(turn.extra for turn in seen.turns),
        "connections lost": seen.counts.lost,
        "connections compress": seen.counts.deflated,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def targets(size: int, results: Results, pairs: Sequence[tuple[Candidate, Candidate]]) -> list[Target]:
    new_targets = []
    for ours, theirs in pairs:
        one, other = results[ours], results[theirs]
        ratios = {
            "CPU/frame": ratio(one.turns, other.turns, attrgetter("cpu_us")),
            "memory/connection": one.idle_kb / max(other.idle_kb, 1e-9),
            "GET /api/stats, p99": one.latency.p99_ms / other.latency.p99_ms if one.latency and other.latency else 0.0,
        }
        new_targets += [
            Target(f"{size:,}: {what}, {ours.name} / {theirs.name}", ratios[what], most=NO_WORSE) for what in ratios
        ]
    for other, seen in results.items():
        if other.name in MAX_OF:
            ours = OURS if other.endpoint == OURS.endpoint else OURS_PLAIN
            measured = ratio(results[ours].turns, seen.turns, attrgetter("cpu_us"))
            what = f"{size:,}: CPU/frame, {ours.name} / {other.name}"
            new_targets.append(Target(what, measured, most=MAX_OF[other.name]))
    for candidate, most in MAX_KB.items() if size >= MANY else ():
        seen = results[candidate]
        new_targets.append(Target(f"{size:,}: memory/connection, {candidate.name}", seen.idle_kb, most=most, unit="KB"))
        if seen.latency:
            what = f"{size:,}: GET /api/stats beside {candidate.name}, p99"
            new_targets.append(Target(what, seen.latency.p99_ms, most=15, unit="ms"))
    return new_targets


if __name__ == "__main__":
    machine.run(main)
