"""All clients of a server come back after its restart: what each costs, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from harness import proc
from harness.broadcasts import Stand
from harness.crowds import crowd
from harness.databases import fresh_sqlite
from harness.processes import free_port, serving
from harness.pushers import Pusher
from harness.tables import progress


@dataclass(frozen=True)
class Comeback:
    cpu_us: float  # of the new server, for each client
    took_s: float  # from the moment at which the new server answers
    missing: int  # clients that have not been sent the number
    lost: int


def in_turn(pushers: Sequence[Pusher], stand: Stand, size: int, rounds: int) -> dict[Pusher, list[Comeback]]:
    found: dict[Pusher, list[Comeback]] = {pusher: [] for pusher in pushers}
    for step in range(rounds * len(pushers)):
        pusher = pushers[step % len(pushers)]
        progress(step + 1, rounds * len(pushers), f"{pusher.name}: {size:,} connections")
        found[pusher].append(_comeback(pusher, stand, size))
    return found


def _comeback(pusher: Pusher, stand: Stand, size: int) -> Comeback:
    """Own servers send the number to each new client; the others send nothing."""
    with ExitStack() as stack:
        env = dict(pusher.env)
        if pusher.own:
            env |= stack.enter_context(fresh_sqlite(stand.folder)).env
        port, log = free_port(), stand.folder / "server.log"

        def started():
            return serving(pusher.command, env, stand.server_core, log, pusher.folder, port)

        with started() as server:
            gathered = stack.enter_context(crowd(server.port, pusher.door, size, stand.load_core))
            gathered.settle()
        with started() as server:
            before = proc.cpu_us(server.pid)
            seen = gathered.come_back(until_told=pusher.own)
            cpu_us = (proc.cpu_us(server.pid) - before) / size
    return Comeback(cpu_us, seen.took_ms / 1000, size - seen.told if pusher.own else 0, seen.lost)
