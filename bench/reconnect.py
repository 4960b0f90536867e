"""All clients come back after a restart: CPU of the server for each, and seconds until all have the number.

Plain WebSockets and as many Socket.IO clients, each kind alone, 32 handshakes under way at a time. Beside Node, which
sends them nothing. Prints tables and how the ratios stand against the targets; the same text goes to
bench/results/reconnect.txt.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from statistics import median

import click
from harness import machine, peers, pushers, versions
from harness.broadcasts import Stand
from harness.crowds import allow_files
from harness.folders import RESULTS, scratch
from harness.pushers import NODE_SOCKET_IO, NODE_WS, Pusher
from harness.reconnects import Comeback, in_turn
from harness.tables import Report, Target, say_targets
from harness.versions import THIS, Version

QUICK_SOCKETS = 300
OF_PYTHON = ("eventlet", "flask-socketio", "python-socketio", "python-engineio")
OURS, OURS_PLAIN = pushers.deployed(THIS)
Found = dict[Pusher, list[Comeback]]


@click.command(help=__doc__)
@click.option("--sockets", default=10_000, show_default=True, help="of each kind")
@click.option("--rounds", default=3, show_default=True, help="how often everybody has a turn")
@click.option("--quick", is_flag=True, help="300 sockets, one round: proves that it works; not kept")
@click.option("--server-core", default=0, show_default=True, help="core of the servers under test")
@click.option("--load-core", default=1, show_default=True, help="core of the clients")
@versions.option
def main(sockets: int, rounds: int, quick: bool, before: Version | None, **cores: int) -> None:
    server_core, load_core = cores["server_core"], cores["load_core"]
    if quick:
        sockets, rounds = QUICK_SOCKETS, 1
    machine.demand("cc", "taskset", "node", "npm")
    machine.demand_cores(server_core, load_core)
    allow_files(sockets)
    peers.install()
    report = Report()
    say_head(report, sockets, rounds, server_core, load_core)
    os.sched_setaffinity(0, {load_core})  # we, too, keep off the servers' core
    older, older_plain = pushers.deployed(before) if before else (None, None)
    everybody = [each for each in (OURS_PLAIN, older_plain, NODE_WS, OURS, older, NODE_SOCKET_IO) if each]
    with scratch() as folder:
        found = in_turn(everybody, Stand(folder, server_core, load_core), sockets, rounds)
    say_comebacks(report, found)
    say_targets(report, targets(found, older_plain, older))
    if not quick:
        report.save(RESULTS / "reconnect.txt")


def say_head(report: Report, sockets: int, rounds: int, server_core: int, load_core: int) -> None:
    found = machine.package_versions(sys.executable, OF_PYTHON) | {"Node": machine.node_version()}
    report.say(f"{sockets:,} sockets of one kind come back after a restart of their server")
    report.say(machine.described_now())
    report.say(machine.listed(found | peers.node_versions(("socket.io", "ws"))))
    report.say(f"server on core {server_core}, clients on core {load_core}; one worker on SQLite")
    report.say(f"medians of {rounds} interleaved rounds; Node's clients are back when they are connected")
    report.say()


def say_comebacks(report: Report, found: Found) -> None:
    head = ("", "CPU µs/connect", "least-most", "all back s", "least-most", "without number", "lost")
    report.table(head, [_row(pusher.name, each) for pusher, each in found.items()])


def _row(name: str, each: Sequence[Comeback]) -> list[str]:
    cpu, took = [one.cpu_us for one in each], [one.took_s for one in each]
    spreads = f"{min(cpu):.0f}-{max(cpu):.0f}", f"{min(took):.2f}-{max(took):.2f}"
    missing, lost = sum(one.missing for one in each), sum(one.lost for one in each)
    return [name, f"{median(cpu):.0f}", spreads[0], f"{median(took):.2f}", spreads[1], f"{missing}", f"{lost}"]


def targets(found: Found, older_plain: Pusher | None, older: Pusher | None) -> list[Target]:
    """Ratios are medians of the rounds' ratios."""

    def ratio(ours: Pusher, theirs: Pusher, figure: str, most: float) -> Target:
        pairs = zip(found[ours], found[theirs], strict=True)
        measured = median(getattr(one, figure) / getattr(other, figure) for one, other in pairs)
        what = "CPU/connect" if figure == "cpu_us" else "seconds until all are back"
        return Target(f"{what}, {ours.name} / {theirs.name}", measured, most=most)

    wanted = [ratio(OURS_PLAIN, NODE_WS, "cpu_us", 1.0), ratio(OURS, NODE_SOCKET_IO, "cpu_us", 1.2)]
    if older_plain and older:
        wanted += [
            ratio(OURS_PLAIN, older_plain, "cpu_us", 0.3),
            ratio(OURS, older, "cpu_us", 0.7),
            ratio(OURS_PLAIN, older_plain, "took_s", 0.4),
        ]
    return wanted


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that every server is stopped on the way out
    main()
