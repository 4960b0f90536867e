"""Measures a storm of visits with 1,000 open sockets and two workers: every socket must see every change, in time and
in order.

Half of the sockets are plain, half use Socket.IO. For 30 s, 200 visits a second are registered. Prints a table; the
same text goes to bench/results/storm.txt. The exit status is 1 if a promise was broken. With an earlier version, storms
alternate between the two versions, and this version's last storm is shown.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
from harness.clients.steady_requests import OK, Answer, Steady
from harness.clients.websocket_clients import Counts, WebSocketClients, allow_files, connect
from harness.folders import scratch
from harness.measurements.broadcasts import PLAIN_ENDPOINT, SOCKET_IO_ENDPOINT
from harness.reporting import machine
from harness.reporting.tables import NO_WORSE, Report, Target, in_turn, progress, ratio, say_targets
from harness.servers import process_figures as proc
from harness.servers import versions
from harness.servers.databases import POSTGRES, SQLITE, STARTING_TOTAL, fresh, is_exact, server_for, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS, Version
from support.databases.redis import Redis

ENTRY = struct.Struct("<qqqq")  # `struct entry` of load/wsload.c
SLOT_NS = 100_000


@dataclass(frozen=True)
class Visit:
    """An acknowledged registration. Times are wall clock, in ns."""

    ordinal: int
    sent_ns: int
    committed_ns: int


def visit(answer: Answer) -> Visit:
    """The visit in a response. The revision is the commit time in ms, limited to the interval that the client
    measured.
    """
    body = json.loads(answer.body)
    committed_ns = min(body["stats"]["revision"] * 1_000_000, answer.answered_ns)
    return Visit(body["visit"]["ordinal"], answer.sent_ns, max(committed_ns, answer.sent_ns))


class Delays:
    """A histogram of times in steps of 0.1 ms."""

    def __init__(self) -> None:
        self._slots: Counter[int] = Counter()

    def add(self, ns: int) -> None:
        self._slots[max(0, ns // SLOT_NS)] += 1

    @property
    def count(self) -> int:
        return self._slots.total()

    def percentile_ms(self, percent: float) -> float:
        """The upper end of the step that contains the percentile, ms."""
        left = self.count * percent / 100
        for slot, count in sorted(self._slots.items()):
            left -= count
            if left <= 0:
                return (slot + 1) * SLOT_NS / 1e6
        return 0.0


@dataclass
class Socket:
    """One client's last update, and how often it received an older one."""

    total: int
    revision: int = 0
    went_back: int = 0
    updates: int = 0

    def take(self, total: int, revision: int) -> range:
        """Record an update. Returns the visit numbers that it is the first to include."""
        self.updates += 1
        self.went_back += total < self.total or revision < self.revision
        news = range(self.total + 1, total + 1)
        self.total, self.revision = max(self.total, total), max(self.revision, revision)
        return news


@dataclass
class Deliveries:
    """Delays of all (visit, socket) pairs, and the sockets' final states."""

    starting_total: int
    sockets: list[Socket] = field(default_factory=list)
    from_commit: Delays = field(default_factory=Delays)
    from_sending: Delays = field(default_factory=Delays)

    def read(self, log: Path, clients: int, visits: Sequence[Visit]) -> None:
        """Add the updates that `clients` clients have written to `log`. `visits` are sorted. Adds no delays if a visit
        number is missing.
        """
        mine = [Socket(self.starting_total) for _ in range(clients)]
        self.sockets += mine
        first = self.starting_total + 1
        if any(one.ordinal != first + at for at, one in enumerate(visits)):
            return
        for at_ns, number, total, revision in ENTRY.iter_unpack(log.read_bytes()):
            for ordinal in mine[number].take(total, revision):
                one = visits[ordinal - first]
                self.from_commit.add(at_ns - one.committed_ns)
                self.from_sending.add(at_ns - one.sent_ns)

    def not_on(self, total: int) -> int:
        return sum(socket.total != total for socket in self.sockets)

    @property
    def went_back(self) -> int:
        return sum(socket.went_back for socket in self.sockets)

    @property
    def updates(self) -> int:
        return sum(socket.updates for socket in self.sockets)


WORKERS, RATE = 2, 200
REGISTERING_CONNECTIONS = 16
MAX_OF_A_LOG = 3000
P99_MS = 100.0
MIN_SHARE = 0.95
IDLE_ENOUGH_PERCENT = 50.0
"""Maximum CPU of a reading client, in percent of a core: a busier client may itself be the bottleneck."""


@dataclass(frozen=True)
class Storm:
    """Results of a storm. `cpu_percent` is the CPU used by each process, in percent of one core."""

    answers: list[Answer]
    visits: list[Visit]
    deliveries: Deliveries
    counts: list[Counts]
    cpu_percent: dict[str, float]
    exact: bool


@click.command(help=__doc__)
@click.option("--postgres", "on_postgres", is_flag=True, help="use PostgreSQL instead of SQLite")
@click.option("--quick", is_flag=True, help="100 sockets for 4 s, only to see that it works; not stored")
@versions.option
def main(on_postgres: bool, quick: bool, before: Version | None) -> None:
    sockets, seconds, rounds = (100, 4, 1) if quick else (1000, 30, 3 if before else 1)
    machine.demand("cc", "taskset")
    allow_files(sockets)
    database = POSTGRES if on_postgres else SQLITE
    report = machine.begin_report(
        "storm",
        f"{RATE} visits a second for {seconds} s, {sockets:,} sockets, {WORKERS} workers, {database}, Redis",
    )
    candidates = (before, THIS) if before else (THIS,)
    storms: dict[Version, list[Storm]] = {version: [] for version in candidates}
    with scratch() as folder:
        for version in in_turn(candidates, rounds):
            storms[version].append(run(folder, version, database, sockets // 2, seconds))
    kept = say_storm(report, storms[THIS][-1], seconds)
    if before:
        say_targets(report, since(storms[THIS], storms[before]))
    if not quick:
        report.save()
    sys.exit(0 if kept else 1)


def since(ours: list[Storm], theirs: list[Storm]) -> list[Target]:
    p99 = ratio(ours, theirs, lambda storm: storm.deliveries.from_commit.percentile_ms(99))
    cpu = ratio(ours, theirs, lambda storm: storm.cpu_percent["workers"])
    return [Target("from the commit, p99, / before", p99, most=NO_WORSE), Target("CPU of the workers / before", cpu)]


def run(folder: Path, version: Version, kind: str, clients: int, seconds: int) -> Storm:
    """Run a storm with `clients` clients of each kind, on this kind of database."""
    endpoints = {PLAIN_ENDPOINT: folder / "plain.log", SOCKET_IO_ENDPOINT: folder / "socketio.log"}
    with ExitStack() as stack:
        database_server = stack.enter_context(server_for(kind))
        database = stack.enter_context(fresh(folder, database_server, is_empty=version != THIS))
        redis = stack.enter_context(Redis())
        settings = {**settings_on(database), "REDIS_URL": redis.url, "WEB_CONCURRENCY": str(WORKERS)}
        server = stack.enter_context(Server(version.server, settings, machine.all_cores(), folder, version.folder))
        with ExitStack() as opened:
            groups = [
                opened.enter_context(connect(server.port, endpoint, clients, None, log))
                for endpoint, log in endpoints.items()
            ]
            answers, cpu_percent = register_visits(server, redis.pid, groups, seconds)
            counts = [group.counts() for group in groups]
        acknowledged = sum(answer.status == OK for answer in answers)
        exact = version != THIS or is_exact(database, acknowledged)  # another version may have other tables
    output = server.log
    if output.count("\n") > 1:  # the first line announces the address
        click.echo(f"The server said:\n{output[-MAX_OF_A_LOG:]}", err=True)
    visits = sorted((visit(one) for one in answers if one.status == OK), key=lambda one: one.ordinal)
    deliveries = Deliveries(STARTING_TOTAL)
    for log in endpoints.values():
        deliveries.read(log, clients, visits)
    return Storm(answers, visits, deliveries, counts, cpu_percent, exact)


def register_visits(
    server: Server, redis: int, groups: list[WebSocketClients], seconds: int
) -> tuple[list[Answer], dict[str, float]]:
    """Run the storm until the last update has arrived. Returns the responses, and each process's CPU use in percent of
    one core.
    """
    for group in groups:
        group.settle()
    progress(1, 1, f"{sum(group.size for group in groups)} sockets are open; {seconds} s of visits begin")
    steady = Steady(server.port, "register", RATE, seconds, REGISTERING_CONNECTIONS)
    roots = {"workers": server.pid, "Redis": redis, "registering client": steady.pid}
    roots |= {f"reading client {at + 1}": group.pid for at, group in enumerate(groups)}
    before = {name: proc.cpu_us(root) for name, root in roots.items()}
    time.sleep(seconds)  # the last visits are still due, so all clients are still running and can be measured
    percent = {name: (proc.cpu_us(root) - before[name]) / seconds / 1e4 for name, root in roots.items()}
    answers = steady.answers()
    for group in groups:
        group.settle()
    return answers, percent


def say_storm(report: Report, storm: Storm, seconds: int) -> bool:
    """Print the results. Returns whether all promises were kept."""
    seen = storm.deliveries
    rows = [
        [name, f"{delays.count:,}", *(f"{delays.percentile_ms(percent):.1f}" for percent in (50, 90, 99, 99.9, 100))]
        for name, delays in (("from the commit", seen.from_commit), ("from sending the request", seen.from_sending))
    ]
    report.say("From a visit to each client that shows it, for every visit and every socket, ms")
    report.table(("", "pairs", "p50", "p90", "p99", "p99.9", "most"), rows)
    batches = ", ".join(f"{counts.longest_batch_us / 1000:.1f}" for counts in storm.counts)
    took = sorted((answer.answered_ns - answer.sent_ns) / 1e6 for answer in storm.answers) or [0.0]
    report.say(f"updates to each socket: {seen.updates / len(seen.sockets) / seconds:.1f} a second")
    report.say(f"registrations: p50 {took[len(took) // 2]:.1f} ms, p99 {took[len(took) * 99 // 100]:.1f} ms")
    report.say(f"the reading clients' longest batch: {batches} ms")
    report.say("CPU, % of a core: " + ", ".join(f"{who} {share:.0f}" for who, share in storm.cpu_percent.items()))
    report.say()
    all_rows = [*promises(storm), *conditions(storm, seconds)]
    say_targets(report, all_rows)
    return all(target.met for target in all_rows)


def promises(storm: Storm) -> Sequence[Target]:
    seen, visits = storm.deliveries, len(storm.visits)
    total = STARTING_TOTAL + visits
    p99_ms = seen.from_commit.percentile_ms(99)
    return [
        Target("99 of 100 deliveries, from the commit", p99_ms, least=0.01, most=P99_MS, unit="ms"),
        none("visits not delivered to some socket", visits * len(seen.sockets) - seen.from_commit.count),
        none(f"sockets not on the exact total {total:,}", seen.not_on(total)),
        none("updates with a lower total or revision", seen.went_back),
        none("connections lost", sum(counts.lost for counts in storm.counts)),
        none("ledgers that do not add up", int(not storm.exact)),
    ]


def conditions(storm: Storm, seconds: int) -> Sequence[Target]:
    """Conditions that ensure the promises are neither too easy nor beyond the server's control."""
    busiest = max(share for name, share in storm.cpu_percent.items() if name.startswith("reading"))
    return [
        Target("registrations a second", len(storm.visits) / seconds, least=RATE * MIN_SHARE, unit="/s"),
        none("registrations refused", sum(answer.status != OK for answer in storm.answers)),
        Target("CPU of the busiest reading client", busiest, most=IDLE_ENOUGH_PERCENT, unit="%"),
    ]


def none(what: str, count: int) -> Target:
    return Target(what, count, most=0, unit="")


if __name__ == "__main__":
    machine.run(main)
