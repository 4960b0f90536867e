"""Servers that push, the doors that their clients take, and what broadcasts to many of them cost, in rounds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness.clients.steady_requests import OK, Answer, Steady, percentile
from harness.clients.websocket_clients import PLAIN, SOCKET_IO, STREAM, Broadcast, Crowd, Door, crowd
from harness.folders import ROOT
from harness.reporting.tables import progress
from harness.servers import process_figures as proc
from harness.servers.databases import fresh, settings_on
from harness.servers.server import Server
from harness.servers.versions import THIS, Version

FEW = 20
REST_S = 0.5
LOADED_S, LOADED_MB = 3, 0.5
"""A server is loaded when its memory has changed by less for so long."""

FRAMES_A_TURN = 20_000
FEWEST, MOST = 3, 10
"""Broadcasts in a turn: many where each is short."""

VISITS_A_SECOND, READS_A_SECOND = 20, 100


TRIGGER = Path("bench", "servers", "push.py")
"""A version's server with a route that causes broadcasts, in its folder."""

SOCKET_IO_DOOR = Door("/socket.io/?EIO=4&transport=websocket", SOCKET_IO)
PLAIN_DOOR = Door("/", PLAIN)


@dataclass(frozen=True)
class Pusher:
    """A server to start in `folder`, and the door its clients take."""

    name: str
    command: tuple[str, ...]
    door: Door
    folder: Path = ROOT


def with_trigger(version: Version) -> tuple[Pusher, Pusher]:
    """It with Socket.IO and with plain clients."""
    return _of(version, (version.python, str(version.folder / TRIGGER)))


def deployed(version: Version) -> tuple[Pusher, Pusher]:
    """The same, as it is deployed."""
    return _of(version, version.server)


def _of(version: Version, command: tuple[str, ...]) -> tuple[Pusher, Pusher]:
    return (
        Pusher(f"{version.name}, Socket.IO", command, SOCKET_IO_DOOR, version.folder),
        Pusher(f"{version.name}, plain", command, PLAIN_DOOR, version.folder),
    )


OURS, OURS_PLAIN = with_trigger(THIS)
OURS_DEFLATE = Pusher("this server, plain, deflate offered", OURS.command, Door("/", PLAIN, deflate=True))
OURS_STREAMS = Pusher("this server, streams", OURS.command, Door("/api/stream", STREAM))


@dataclass(frozen=True)
class Stand:
    """Where it happens: a folder, and the cores of servers and of clients."""

    folder: Path
    server_core: int
    load_core: int


@dataclass(frozen=True)
class Turn:
    """What one server did in one round; medians of its broadcasts."""

    cpu_us: float  # a frame, without what the trigger costs
    last_ms: float
    missing: int  # updates that did not come
    extra: int  # updates that were not asked for


@dataclass(frozen=True)
class Beside:
    """GET /api/stats beside broadcasts."""

    errors: int
    updates_a_second: float  # to each client
    quiet_p99_ms: float  # with the same sockets open, and nothing to tell them
    p99_ms: float
    most_ms: float


@dataclass
class Stage:
    """A server with its crowd, both alive, and what opening cost."""

    pusher: Pusher
    server: Server
    crowd: Crowd
    empty_mb: float  # resident memory without connections
    connect_us: float  # CPU for each connection
    idle_kb: float = 0.0  # resident memory for each connection, 1,000 bytes, before any broadcast
    turns: list[Turn] = field(default_factory=list)

    def kb_a_connection(self) -> float:
        """Now."""
        return 1000 * (proc.tree_rss_mb(self.server.pid) - self.empty_mb) / self.crowd.size


@contextmanager
def stages(pushers: Sequence[Pusher], stand: Stand, size: int) -> Iterator[list[Stage]]:
    """Everybody on stage at once, `size` connections each."""
    with ExitStack() as stack:
        on_stage = []
        for step, pusher in enumerate(pushers):
            progress(step + 1, len(pushers), f"{pusher.name}: {size:,} connections")
            folder = stand.folder / f"{step}-{size}"
            folder.mkdir()
            settings = settings_on(stack.enter_context(fresh(folder)))
            server = Server(pusher.command, settings, stand.server_core, folder, pusher.folder)
            stack.enter_context(server)
            _warm_up(pusher, server, stand)
            cpu, empty_mb = proc.cpu_us(server.pid), proc.tree_rss_mb(server.pid)
            gathered = stack.enter_context(crowd(server.port, pusher.door, size, stand.load_core))
            gathered.settle()
            stage = Stage(pusher, server, gathered, empty_mb, (proc.cpu_us(server.pid) - cpu) / size)
            stage.idle_kb = stage.kb_a_connection()
            on_stage.append(stage)
        yield on_stage


def _warm_up(pusher: Pusher, server: Server, stand: Stand) -> None:
    """Have everything loaded that is loaded on first use, or some seconds after the start."""
    with crowd(server.port, pusher.door, FEW, stand.load_core) as few:
        few.settle()
        few.emit(1)
    seen_mb: deque[float] = deque(maxlen=round(LOADED_S / REST_S))
    while len(seen_mb) < LOADED_S / REST_S or max(seen_mb) - min(seen_mb) > LOADED_MB:
        time.sleep(REST_S)
        seen_mb.append(proc.tree_rss_mb(server.pid))


def play(on_stage: Sequence[Stage], rounds: int) -> None:
    """Everybody in turn, `rounds` over, so that a change of the machine's mood hits all alike."""
    for number in range(rounds):
        progress(number + 1, rounds, f"round of {len(on_stage)} servers, {on_stage[0].crowd.size:,} connections")
        for stage in on_stage:
            stage.turns.append(_turn(stage))


def _turn(stage: Stage) -> Turn:
    size = stage.crowd.size
    stage.crowd.settle()
    stage.crowd.emit(1)  # brings it back into the caches; not counted
    trigger_us = median(_cpu_of(stage, 0)[0] for _ in range(3))
    seen = [_cpu_of(stage, 1) for _ in range(min(MOST, max(FEWEST, FRAMES_A_TURN // size)))]
    return Turn(
        cpu_us=median(cpu_us - trigger_us for cpu_us, _ in seen) / size,
        last_ms=median(broadcast.last_ms for _, broadcast in seen),
        missing=sum(size - broadcast.reached for _, broadcast in seen),
        extra=sum(broadcast.updates - broadcast.reached for _, broadcast in seen),
    )


def _cpu_of(stage: Stage, times: int) -> tuple[float, Broadcast]:
    before = proc.cpu_us(stage.server.pid)
    broadcast = stage.crowd.emit(times)
    return proc.cpu_us(stage.server.pid) - before, broadcast


def http_beside(stage: Stage, stand: Stand, seconds: float) -> Beside:
    """Visits are registered as in life, each a change for all sockets; the reads are due at fixed moments."""
    progress(1, 1, f"GET /api/stats beside {stage.pusher.name}")
    stage.crowd.settle()
    stage.crowd.give_way()  # to the reads, whose time is measured on the same core
    port, core = stage.server.port, stand.load_core
    quiet = Steady(port, "stats", READS_A_SECOND, seconds, core=core).answers()
    before = stage.crowd.counts().updates
    visits = Steady(port, "register", VISITS_A_SECOND, seconds, core=core)
    reads = Steady(port, "stats", READS_A_SECOND, seconds, core=core)
    answers, visited = reads.answers(), visits.answers()
    stage.crowd.settle()
    updates = stage.crowd.counts().updates - before
    return Beside(
        errors=sum(answer.status != OK for answer in (*quiet, *answers, *visited)),
        updates_a_second=updates / stage.crowd.size / seconds,
        quiet_p99_ms=_took_ms(quiet, 99),
        p99_ms=_took_ms(answers, 99),
        most_ms=_took_ms(answers, 100),
    )


def _took_ms(answers: Sequence[Answer], percent: float) -> float:
    return percentile([answer.took_ms for answer in answers], percent)
