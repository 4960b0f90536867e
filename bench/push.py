"""One change told to thousands of open connections: what each costs, in CPU, time and memory.

This server, a version before, stock Flask-SocketIO, Django Channels, Starlette, Node and the floor, a loop of send() in
C. Prints tables and how the ratios stand against the targets; the same text goes to bench/results/push.txt.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import click
from harness import http_beside, machine, peers, push_report, pushers, versions
from harness.broadcasts import Stand, play, stages
from harness.crowds import allow_files
from harness.folders import RESULTS, scratch
from harness.http_beside import Reading
from harness.push_report import FEW, MANY, Results
from harness.pushers import Pusher
from harness.redis_server import version as redis_version
from harness.tables import Report, Target, progress, say_targets
from harness.versions import Version

QUICK_SIZE, QUICK_ROUNDS, QUICK_SECONDS = 200, 3, 2
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "python-engineio")
OF_PEERS = ("flask-socketio", "channels", "daphne", "channels-redis", "starlette", "uvicorn", "uvloop", "websockets")
OF_NODE = ("socket.io", "ws")


@click.command(help=__doc__)
@click.option("--rounds", default=9, show_default=True, help="how often everybody has a turn")
@click.option("--seconds", default=20, show_default=True, help="how long GET /api/stats is watched")
@click.option("--size", "sizes", type=int, multiple=True, help="how many connections; 1,000 and 10,000 if not said")
@click.option("--quick", is_flag=True, help="200 connections, 3 rounds: proves that it works; not kept")
@click.option("--only", multiple=True, metavar="NAME", help="those whose name contains NAME; may be repeated; not kept")
@click.option("--server-core", default=0, show_default=True, help="core of the servers under test")
@click.option("--load-core", default=1, show_default=True, help="core of the clients, and of Redis")
@versions.option
def main(
    rounds: int,
    seconds: int,
    sizes: tuple[int, ...],
    quick: bool,
    only: tuple[str, ...],
    before: Version | None,
    **cores: int,
) -> None:
    server_core, load_core = cores["server_core"], cores["load_core"]
    sizes = sizes or (FEW, MANY)
    if quick:
        sizes, rounds, seconds = (QUICK_SIZE,), QUICK_ROUNDS, QUICK_SECONDS
    machine.demand("cc", "taskset", "node", "npm")
    machine.demand_cores(server_core, load_core)
    allow_files(max(sizes))
    peers.install()
    chosen = choose(pushers.everybody(before), only)
    report = Report()
    say_head(report, rounds, server_core, load_core)
    os.sched_setaffinity(0, {load_core})  # we, too, keep off the servers' core
    with scratch() as folder:
        found = compare(report, Stand(folder, server_core, load_core), chosen, before, sizes, rounds, seconds)
    if found:
        say_targets(report, found)
    if not quick and not only:
        report.save(RESULTS / "push.txt")


def choose(everybody: Sequence[Pusher], only: Sequence[str]) -> list[Pusher]:
    chosen = [pusher for pusher in everybody if not only or any(part in pusher.name for part in only)]
    if not chosen:
        raise click.ClickException(f"there are only: {'; '.join(pusher.name for pusher in everybody)}.")
    return chosen


def say_head(report: Report, rounds: int, server_core: int, load_core: int) -> None:
    ours = machine.package_versions(sys.executable, OF_PYTHON)
    theirs = machine.package_versions(str(peers.VENV_BIN / "python"), OF_PEERS)
    theirs |= {"Redis": redis_version(), "Node": machine.node_version(), **peers.node_versions(OF_NODE)}
    report.say("visitor_update to all open connections")
    report.say(machine.described_now())
    report.say(f"this server: {machine.listed(ours)}; the others: {machine.listed(theirs)}")
    report.say(f"servers on core {server_core}, clients and Redis on core {load_core}; one process each")
    report.say(f"an update has {pushers.PAYLOAD_BYTES} bytes, {pushers.AROUND_BYTES} more with Socket.IO")
    report.say(f"medians of {rounds} interleaved rounds; CPU is the server's own, without what asking for it costs")
    report.say()


def compare(
    report: Report,
    stand: Stand,
    chosen: Sequence[Pusher],
    before: Version | None,
    sizes: Sequence[int],
    rounds: int,
    seconds: int,
) -> list[Target]:
    found: list[Target] = []
    pairs = push_report.pairs(before)
    beside: list[Reading] = []
    floor = pushers.floor()
    for size in sizes:
        results, readings = measure(stand, chosen, size, rounds, seconds)
        push_report.say_results(report, size, results)
        found += push_report.targets(size, results, floor, pairs)
        beside += readings
    if beside:
        http_beside.say(report, beside)
    return found + push_report.http_targets(beside, pairs)


def measure(
    stand: Stand, chosen: Sequence[Pusher], size: int, rounds: int, seconds: int
) -> tuple[Results, list[Reading]]:
    with stages(chosen, stand, size) as on_stage:
        play(on_stage, rounds)
        results = {stage.pusher.name: push_report.result(stage) for stage in on_stage}
        readings = []
        for stage in (stage for stage in on_stage if http_beside.is_wanted(stage)):
            progress(1, 1, f"GET /api/stats beside {stage.pusher.name}")
            readings.append(http_beside.read(stage, stand, seconds))
        return results, readings


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
