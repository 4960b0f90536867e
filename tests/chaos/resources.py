"""What processes of the server hold: memory, files, and what a worker keeps for its clients."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil
from support.processes import wait_until
from support.workers import all_ready, desks

from chaos.world import World

MOST_GROWTH_MB = 20.0
MOST_MORE_FILES = 4
LET_GO_WITHIN_S = 15.0
SERVE_WITHIN_S = 60.0
TURN_S = 0.2


@dataclass(frozen=True)
class Held:
    """By one process; `files` without connections of clients."""

    pid: int
    age_s: float
    megabytes: float
    files: int
    clients: int


def held_by(process: psutil.Process, port: int) -> Held:
    clients = sum(1 for each in process.net_connections("tcp") if each.laddr.port == port and each.raddr)
    return Held(
        pid=process.pid,
        age_s=time.time() - process.create_time(),
        megabytes=process.memory_info().rss / 1e6,
        files=process.num_fds() - clients,
        clients=clients,
    )


def measure(world: World) -> list[Held]:
    """The parent first, then the workers; without those that ended in this moment."""
    processes = [world.supervisor.parent(), *world.supervisor.workers()]
    found = []
    for process in processes:
        with suppress(psutil.Error):
            if process is not None:
                found.append(held_by(process, world.server.port))
    return found


def check_resources(world: World, before: list[Held]) -> list[Held]:
    """With all clients gone: every worker has let go of everything, and memory and files are as after the warm-up."""
    # A worker that has just started may still be loading.
    wait_until(lambda: all_ready(world.server, world.workers), "all workers serve", SERVE_WITHIN_S)
    deadline = time.monotonic() + LET_GO_WITHIN_S
    while any(each.clients for each in measure(world)) and time.monotonic() < deadline:
        time.sleep(TURN_S)
    after = measure(world)
    _compare(world, "the parent", before[:1], after[:1])
    _compare(world, "a worker", before[1:], after[1:])
    with desks(world.server) as found:
        for desk in found:
            _, kept = desk.ask("GET", "/test/held")
            if any(kept.values()):
                world.book.breach(f"a worker still keeps {kept} when all clients are gone")
    return after


def _compare(world: World, who: str, before: list[Held], after: list[Held]) -> None:
    most_mb, most_files = max(each.megabytes for each in before), max(each.files for each in before)
    for each in after:
        if each.clients:
            world.book.breach(f"{who} still has {each.clients} connections of clients, who are gone")
        if each.megabytes > most_mb + MOST_GROWTH_MB:
            world.book.breach(f"{who} has {each.megabytes:.0f} MB, and had {most_mb:.0f}")
        if each.files > most_files + MOST_MORE_FILES:
            world.book.breach(f"{who} has {each.files} files open, and had {most_files}")
