"""Servers that push, their clients' endpoints, and the cost of broadcasts to many clients, measured in rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness.clients.steady_requests import OK, Answer, Steady, percentile
from harness.clients.websocket_clients import (
    PLAIN,
    SOCKET_IO,
    STREAM,
    Broadcast,
    Counts,
    Endpoint,
    WebSocketClients,
    connect,
)
from harness.measurements.contenders import Candidate, Testbed
from harness.reporting.tables import in_turn, progress
from harness.servers import process_figures as proc
from harness.servers.databases import fresh
from harness.servers.server import Server
from harness.servers.versions import THIS, Version

FEW = 20
FRAMES_A_TURN = 20_000
FEWEST, MOST = 3, 10
"""Minimum and maximum number of broadcasts per round. Rounds with fewer clients have more broadcasts."""

VISITS_A_SECOND, READS_A_SECOND = 20, 100


TRIGGER = Path("bench", "servers", "push.py")
"""Path, within a version's folder, of its server with a route that triggers broadcasts."""

SOCKET_IO_ENDPOINT = Endpoint("/socket.io/?EIO=4&transport=websocket", SOCKET_IO)
PLAIN_ENDPOINT = Endpoint("/", PLAIN)


def with_trigger(version: Version) -> tuple[Candidate, Candidate]:
    """The version with Socket.IO clients and with plain ones."""
    command = version.python, str(version.folder / TRIGGER)
    return (
        Candidate(f"{version.name}, Socket.IO", command, SOCKET_IO_ENDPOINT, version.folder),
        Candidate(f"{version.name}, plain", command, PLAIN_ENDPOINT, version.folder),
    )


OURS, OURS_PLAIN = with_trigger(THIS)
OURS_DEFLATE = Candidate("this server, plain, deflate offered", OURS.command, Endpoint("/", PLAIN, deflate=True))
OURS_STREAMS = Candidate("this server, streams", OURS.command, Endpoint("/api/stream", STREAM))


@dataclass(frozen=True)
class Turn:
    """One server's results in one round: medians of its broadcasts."""

    cpu_us: float  # per frame, without the trigger's cost
    last_ms: float
    missing: int  # updates that did not arrive
    extra: int  # unexpected updates


@dataclass(frozen=True)
class HttpLatency:
    """Latency of GET /api/stats during broadcasts."""

    errors: int
    updates_a_second: float  # to each client
    quiet_p99_ms: float  # with the same sockets open, but without updates
    p99_ms: float
    most_ms: float


@dataclass
class Measurement:
    """A running server with its clients, and the cost of opening them."""

    candidate: Candidate
    server: Server
    clients: WebSocketClients
    empty_mb: float  # resident memory without connections
    connect_us: float  # CPU for each connection
    idle_kb: float = 0.0  # resident memory for each connection before any broadcast, in units of 1,000 bytes
    turns: list[Turn] = field(default_factory=list)
    later_kb: float = 0.0  # like `idle_kb`, after all rounds
    counts: Counts | None = None
    latency: HttpLatency | None = None

    def kb_a_connection(self) -> float:
        """The current memory per connection, in units of 1,000 bytes."""
        return 1000 * (proc.tree_rss_mb(self.server.pid) - self.empty_mb) / self.clients.size

    def finish(self, testbed: Testbed, seconds: int) -> None:
        """Take the final measurements, after all rounds."""
        self.counts, self.later_kb = self.clients.counts(), self.kb_a_connection()
        if self.candidate.is_product and not self.candidate.endpoint.deflate:
            self.latency = measure_http(self, testbed, seconds)


@contextmanager
def started(candidates: Sequence[Candidate], testbed: Testbed, size: int) -> Iterator[list[Measurement]]:
    """Start all servers with `size` connections each."""
    with ExitStack() as stack:
        measurements = []
        for step, candidate in enumerate(in_turn(candidates, 1, f": {size:,} connections")):
            folder = testbed.folder / f"{step}-{size}"
            folder.mkdir()
            server = stack.enter_context(testbed.server(candidate, stack.enter_context(fresh(folder))))
            empty_mb = _warm_up(candidate, server, testbed)
            cpu = proc.cpu_us(server.pid)
            clients = stack.enter_context(connect(server.port, candidate.endpoint, size, testbed.load_core))
            clients.settle()
            measurement = Measurement(candidate, server, clients, empty_mb, (proc.cpu_us(server.pid) - cpu) / size)
            measurement.idle_kb = measurement.kb_a_connection()
            measurements.append(measurement)
        yield measurements


def _warm_up(candidate: Candidate, server: Server, testbed: Testbed) -> float:
    """Load everything the server loads on first use or a few seconds after starting. Returns the memory in MB."""
    with connect(server.port, candidate.endpoint, FEW, testbed.load_core) as few:
        few.settle()
        few.emit(1)
    return proc.loaded_mb(server.pid, proc.tree_rss_mb)


def run_rounds(measurements: Sequence[Measurement], rounds: int) -> None:
    """Measure all servers in turn, `rounds` times, so that other work on the machine affects them equally."""
    for number in range(rounds):
        progress(
            number + 1, rounds, f"round of {len(measurements)} servers, {measurements[0].clients.size:,} connections"
        )
        for measurement in measurements:
            measurement.turns.append(_turn(measurement))


def _turn(measurement: Measurement) -> Turn:
    size = measurement.clients.size
    measurement.clients.settle()
    measurement.clients.emit(1)  # warms the caches; not measured
    trigger_us = median(_cpu_of(measurement, 0)[0] for _ in range(3))
    seen = [_cpu_of(measurement, 1) for _ in range(min(MOST, max(FEWEST, FRAMES_A_TURN // size)))]
    return Turn(
        cpu_us=median(cpu_us - trigger_us for cpu_us, _ in seen) / size,
        last_ms=median(broadcast.last_ms for _, broadcast in seen),
        missing=sum(size - broadcast.reached for _, broadcast in seen),
        extra=sum(broadcast.updates - broadcast.reached for _, broadcast in seen),
    )


def _cpu_of(measurement: Measurement, times: int) -> tuple[float, Broadcast]:
    before = proc.cpu_us(measurement.server.pid)
    broadcast = measurement.clients.emit(times)
    return proc.cpu_us(measurement.server.pid) - before, broadcast


def measure_http(measurement: Measurement, testbed: Testbed, seconds: float) -> HttpLatency:
    """Register real visits, each causing an update to all sockets, while reads are due at fixed times."""
    progress(1, 1, f"GET /api/stats beside {measurement.candidate.name}")
    measurement.clients.settle()
    measurement.clients.give_way()  # the reads are measured on the same core
    port, core = measurement.server.port, testbed.load_core
    quiet = Steady(port, "stats", READS_A_SECOND, seconds, core=core).answers()
    before = measurement.clients.counts().updates
    visits = Steady(port, "register", VISITS_A_SECOND, seconds, core=core)
    reads = Steady(port, "stats", READS_A_SECOND, seconds, core=core)
    answers, visited = reads.answers(), visits.answers()
    measurement.clients.settle()
    updates = measurement.clients.counts().updates - before
    return HttpLatency(
        errors=sum(answer.status != OK for answer in (*quiet, *answers, *visited)),
        updates_a_second=updates / measurement.clients.size / seconds,
        quiet_p99_ms=_took_ms(quiet, 99),
        p99_ms=_took_ms(answers, 99),
        most_ms=_took_ms(answers, 100),
    )


def _took_ms(answers: Sequence[Answer], percent: float) -> float:
    return percentile([answer.took_ms for answer in answers], percent)
