"""Checks during calm phases and after all clients have left: presence, memory, open files and leftovers."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from support.clients.worker_connections import all_ready, worker_connections
from support.programs.processes import wait_until

from chaos.http_connection import HttpConnection
from chaos.members import Tab
from chaos.world import World

SEATED_WITHIN_S = 25.0
AGREED_WITHIN_S = 15.0
ASKED = 6
"""Number of new connections, so that each worker is likely to serve one."""

TURN_S = 0.05

MOST_GROWTH_MB = 20.0
MOST_MORE_FILES = 4
NUMBER = re.compile(r"(?<=:\[)\d+(?=\])")
LET_GO_WITHIN_S = 15.0
SERVE_WITHIN_S = 60.0


def check_presence(world: World) -> float:
    """Make people stay still, and wait until presence is right. Returns the seconds since all were connected."""
    world.still.set()
    world.journal.expect(lambda: not _unseated(world), "every tab of a member is seated", SEATED_WITHIN_S)
    began = time.monotonic()
    if not _is_right_within(world, AGREED_WITHIN_S) and (disagreements := _disagreements(world)):
        world.journal.breach(
            f"presence is wrong after {AGREED_WITHIN_S:.0f} s: {disagreements[:3]} and {len(disagreements)} in all"
        )
    return time.monotonic() - began


def _is_right_within(world: World, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (is_right := not _disagreements(world)) and time.monotonic() < deadline:
        time.sleep(TURN_S)
    return is_right


def _tabs(world: World) -> list[Tab]:
    return [tab for person in world.people for tab in list(person.tabs) if tab.line.should_be_open]


def _unseated(world: World) -> list[Tab]:
    return [tab for tab in _tabs(world) if not tab.is_seated]


def _disagreements(world: World) -> list[Any]:
    disagreements: list[Any] = []
    for community in world.communities:
        people = [
            person
            for person in world.people
            if any(tab.community == community and tab.is_seated for tab in person.tabs if tab.line.should_be_open)
        ]
        counts = [tab.count for tab in _tabs(world) if tab.community == community]
        disagreements += [("a tab received", count, "of", len(people)) for count in counts if count != len(people)]
        if not disagreements and people:
            asked = [_reported(world, people[0].token, community) for _ in range(ASKED)]
            disagreements += [
                ("asked, it said", number, "of", len(people)) for number in asked if number != len(people)
            ]
    return disagreements


def _reported(world: World, token: str, community: str) -> Any:
    line = HttpConnection(world.server.port, world.journal)
    headers = {"Authorization": f"Bearer {token}"}
    answer = line.ask("GET", f"/api/communities/{community}/visitors/realtime", headers=headers)
    line.close()
    if answer is None or answer.status != 200:
        return answer
    return answer.body["current_online"]


@dataclass(frozen=True)
class Held:
    """Resources of one process. `files` excludes client connections."""

    age_s: float
    megabytes: float
    files: int
    clients: int
    names: Counter[str]  # of its open files


def measure(world: World) -> list[Held]:
    """Measure the parent, then the workers. Leaves out processes that just ended."""
    usages = []
    for process in [*world.supervisor.parents(), *world.supervisor.workers()]:
        with suppress(psutil.Error):
            lines = process.net_connections("tcp")
            clients = sum(1 for line in lines if line.laddr.port == world.server.port and line.raddr)
            megabytes, age_s = process.memory_info().rss / 1e6, time.time() - process.create_time()
            names = _open_names(process.pid)
            usages.append(Held(age_s, megabytes, names.total() - clients, clients, names))
    return usages


def _open_names(pid: int) -> Counter[str]:
    """Open files of the process, without the numbers of sockets and pipes."""
    names: Counter[str] = Counter()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed in the meantime
            names[NUMBER.sub("", str(descriptor.readlink()))] += 1
    return names


def check_resources(world: World, before: list[Held]) -> list[Held]:
    """Check that workers keep nothing after all clients have left, and that memory and files are back to what they were
    after the warm-up.
    """
    # A worker that has just started may still be loading.
    wait_until(lambda: all_ready(world.server, world.workers), "all workers serve", SERVE_WITHIN_S)
    no_client = "no process has a connection of a client"
    world.journal.expect(lambda: not any(usage.clients for usage in measure(world)), no_client, LET_GO_WITHIN_S, 0.2)
    # a worker that just started opens and closes many files; `_compare` reports what stays
    with suppress(AssertionError):
        wait_until(
            lambda: _most_files(measure(world)[1:]) <= _most_files(before[1:]) + MOST_MORE_FILES,
            "",
            LET_GO_WITHIN_S,
            0.2,
        )
    after = measure(world)
    _compare(world, "the parent", before[:1], after[:1])
    _compare(world, "a worker", before[1:], after[1:])
    with worker_connections(world.server) as connections:
        for connection in connections:
            _, kept = connection.ask("GET", "/test/held")
            if any(kept.values()):
                world.journal.breach(f"a worker still keeps {kept} when all clients are gone")
    return after


def _compare(world: World, who: str, before: list[Held], after: list[Held]) -> None:
    most_mb, most_files = max(usage.megabytes for usage in before), _most_files(before)
    for process in after:
        if process.megabytes > most_mb + MOST_GROWTH_MB:
            world.journal.breach(f"{who} has {process.megabytes:.0f} MB, and had {most_mb:.0f}")
        if process.files > most_files + MOST_MORE_FILES:
            more = process.names - max(before, key=lambda held: held.files).names
            world.journal.breach(f"{who} has {process.files} files open, and had {most_files}: {dict(more)} more")


def _most_files(held: list[Held]) -> int:
    return max((usage.files for usage in held), default=0)
