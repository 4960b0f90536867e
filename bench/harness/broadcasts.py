"""Broadcasts to many open connections: what they cost each server, measured in interleaved rounds."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness import proc
from harness.crowds import Crowd, crowd
from harness.databases import fresh_sqlite
from harness.processes import Server, serving
from harness.pushers import Pusher
from harness.redis_server import redis_server
from harness.tables import progress

FEW = 20
REST_S = 0.5
LOADED_S, LOADED_MB = 3, 0.5
"""A server is loaded when its memory has changed by less for so long."""

FRAMES_A_TURN = 20_000
FEWEST, MOST = 3, 10
"""Broadcasts in a turn: many where each is short."""


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


@dataclass
class Stage:
    """A server with its crowd, both alive, and what opening cost."""

    pusher: Pusher
    server: Server
    crowd: Crowd
    empty_mb: float  # resident memory without connections
    connect_us: float  # CPU for each connection
    idle_kb: float  # resident memory for each connection, 1,000 bytes, before any broadcast
    turns: list[Turn] = field(default_factory=list)

    def kb_a_connection(self) -> float:
        """Now."""
        return _kb(self.server, self.empty_mb, self.crowd.size)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def sleep(self) -> None:
        """Until its next turn: some peers are busy with thousands of idle connections. Ours may not need that."""
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        if not self.pusher.own:
            for pid in proc.tree(self.server.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


@contextmanager
def stages(pushers: Sequence[Pusher], stand: Stand, size: int) -> Iterator[list[Stage]]:
    """Everybody on stage at once, `size` connections each."""
    with ExitStack() as stack:
        env: dict[str, str] = {}
        if any(pusher.redis for pusher in pushers):
            env["REDIS_URL"] = stack.enter_context(redis_server(stand.load_core)).url
        on_stage = []
        for step, pusher in enumerate(pushers):
            progress(step + 1, len(pushers), f"{pusher.name}: {size:,} connections")
            own_env = env if pusher.redis else {}
            on_stage.append(stack.enter_context(_stage(pusher, stand, size, own_env, f"{step}")))
        yield on_stage


@contextmanager
def _stage(pusher: Pusher, stand: Stand, size: int, env: Mapping[str, str], name: str) -> Iterator[Stage]:
    folder = stand.folder / f"{name}-{size}"
    folder.mkdir()
    with ExitStack() as stack:
        if pusher.own:
            env = {**env, **stack.enter_context(fresh_sqlite(folder)).env}
        env = {**env, **dict(pusher.env)}
        server = stack.enter_context(serving(pusher.command, env, stand.server_core, folder / "log", pusher.folder))
        _warm_up(pusher, server, stand)
        cpu, empty_mb = proc.cpu_us(server.pid), proc.tree_rss_mb(server.pid)
        gathered = stack.enter_context(crowd(server.port, pusher.door, size, stand.load_core))
        gathered.settle()
        connect_us = (proc.cpu_us(server.pid) - cpu) / size
        stage = Stage(pusher, server, gathered, empty_mb, connect_us, _kb(server, empty_mb, size))
        try:
            stage.sleep()
            yield stage
        finally:
            stage.wake()


def _kb(server: Server, empty_mb: float, size: int) -> float:
    return 1000 * (proc.tree_rss_mb(server.pid) - empty_mb) / size


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
            stage.wake()
            stage.turns.append(_turn(stage))
            stage.sleep()


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


def _cpu_of(stage: Stage, times: int):
    before = proc.cpu_us(stage.server.pid)
    broadcast = stage.crowd.emit(times)
    return proc.cpu_us(stage.server.pid) - before, broadcast
