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


@dataclass(frozen=True)
class Held:
    """By one process; `files` without connections of clients."""

    age_s: float
    megabytes: float
    files: int
    clients: int


def measure(world: World) -> list[Held]:
    """The parent first, then the workers; without those that ended in this moment."""
    found = []
    for process in [*world.supervisor.parents(), *world.supervisor.workers()]:
        with suppress(psutil.Error):
            lines = process.net_connections("tcp")
            clients = sum(1 for each in lines if each.laddr.port == world.server.port and each.raddr)
            megabytes, age_s = process.memory_info().rss / 1e6, time.time() - process.create_time()
            found.append(Held(age_s, megabytes, process.num_fds() - clients, clients))
    return found


def check_resources(world: World, before: list[Held]) -> list[Held]:
    """With all clients gone: every worker has let go of everything, and memory and files are as after the warm-up."""
    # A worker that has just started may still be loading.
    wait_until(lambda: all_ready(world.server, world.workers), "all workers serve", SERVE_WITHIN_S)
    no_client = "no process has a connection of a client"
    world.book.expect(lambda: not any(each.clients for each in measure(world)), no_client, LET_GO_WITHIN_S, 0.2)
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
        if each.megabytes > most_mb + MOST_GROWTH_MB:
            world.book.breach(f"{who} has {each.megabytes:.0f} MB, and had {most_mb:.0f}")
        if each.files > most_files + MOST_MORE_FILES:
            world.book.breach(f"{who} has {each.files} files open, and had {most_files}")
