"""Checks of the running server: presence, agreement, resources, exit and log."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import Any, NamedTuple

import psutil
from support.clients.worker_connections import all_ready, worker_connections
from support.programs.processes import wait_until
from support.servers.server import Exit

from chaos.members import Tab
from chaos.visitors import HttpConnection
from chaos.world import World

LEAVES_WITHIN_S = 15.0
"""Operators allow 15 s after SIGTERM. The server exits within 10 s on a machine that does not stall."""

SEATED_WITHIN_S = 25.0
AGREED_WITHIN_S = 15.0
CONNECTIONS = 6  # number of new connections, so that each worker is likely to serve one
MAX_GROWTH_MB = 20.0
MAX_MORE_FILES = 4
LET_GO_WITHIN_S = 15.0
SERVE_WITHIN_S = 60.0
ERROR_OF_TRACEBACK = re.compile(r"^( *)Traceback.*\n(?:\1\s.*\n)*\1(\S.*)", re.MULTILINE)
"""Matches a traceback up to its last line: the next line that is not indented further."""


def check_presence(world: World) -> None:
    world.still.set()
    world.journal.expect(
        lambda: all(tab.is_seated for tab in _tabs(world)), "every tab of a member is seated", SEATED_WITHIN_S
    )
    began = time.monotonic()
    while (wrong := _disagreements(world)) and time.monotonic() - began < AGREED_WITHIN_S:
        time.sleep(0.05)
    if wrong:
        within = f"after {AGREED_WITHIN_S:.0f} s"
        world.journal.breach(f"presence is wrong {within}: {wrong[:3]} and {len(wrong)} in all")


def _tabs(world: World) -> list[Tab]:
    return [tab for person in world.people for tab in person.present]


def _disagreements(world: World) -> list[Any]:
    disagreements: list[Any] = []
    for community in world.communities:
        seated = [tab for tab in _tabs(world) if tab.community == community and tab.is_seated]
        people = [person for person in world.people if set(person.present) & set(seated)]
        counts = [tab.count for tab in _tabs(world) if tab.community == community]
        disagreements += [("a tab received", count, "of", len(people)) for count in counts if count != len(people)]
        if not disagreements and people:
            path = f"/api/communities/{community}/visitors/realtime"
            token = people[0].member.token
            numbers = [_read(world, path, "current_online", token) for _ in range(CONNECTIONS)]
            disagreements += [
                ("the API said", number, "of", len(people)) for number in numbers if number != len(people)
            ]
    return disagreements


def _read(world: World, path: str, field: str, token: str = "") -> Any:
    line = HttpConnection(world.server.port, world.journal)
    response = line.ask("GET", path, token=token)
    line.close()
    return response.body[field] if response and response.status == 200 else response


def check_agreement(world: World) -> None:
    ((total,),) = world.rows("SELECT total FROM counters WHERE scope = 'site'")

    def shown() -> set[Any]:
        pages = {page.seen.last if page.line.is_open else None for page in world.pages}
        return pages | {_read(world, "/api/stats", "totalVisitors") for _ in range(CONNECTIONS)}

    world.journal.expect(lambda: shown() == {total}, f"all show {total}, as the ledger", AGREED_WITHIN_S, 0.1)


class Held(NamedTuple):
    megabytes: float
    clients: int
    files: int  # except connections of clients


def measure(world: World) -> list[Held]:
    """Measure the parent, then the workers. Leaves out processes that just ended."""
    usages = []
    for process in [*world.supervisor.parents(), *world.supervisor.workers()]:
        with suppress(psutil.Error):
            lines = process.net_connections("tcp")
            clients = sum(1 for line in lines if line.laddr.port == world.server.port and line.raddr)
            usages.append(Held(process.memory_info().rss / 1e6, clients, process.num_fds() - clients))
    return usages


def check_resources(world: World, before: list[Held]) -> None:
    """Check that workers keep nothing of clients, and that memory and files are as after the warm-up."""
    # A worker that has just started may still be loading.
    wait_until(lambda: all_ready(world.server, world.workers), "all workers serve", SERVE_WITHIN_S)
    no_client = "no process has a connection of a client"
    world.journal.expect(lambda: not any(usage.clients for usage in measure(world)), no_client, LET_GO_WITHIN_S, 0.2)
    # A worker that just started opens and closes many files; `_compare` reports the files that stay open.
    max_files = max(held.files for held in before[1:]) + MAX_MORE_FILES
    with suppress(AssertionError):
        wait_until(lambda: all(held.files <= max_files for held in measure(world)[1:]), "", LET_GO_WITHIN_S, 0.2)
    after = measure(world)
    _compare(world, "the parent", before[:1], after[:1])
    _compare(world, "a worker", before[1:], after[1:])
    with worker_connections(world.server) as connections:
        for connection in connections:
            _, kept = connection.ask("GET", "/test/held")
            if any(kept.values()):
                world.journal.breach(f"a worker still keeps {kept} when all clients are gone")


def _compare(world: World, who: str, before: list[Held], after: list[Held]) -> None:
    most_mb, most = max(held.megabytes for held in before), max(held.files for held in before)
    for held in after:
        if held.megabytes > most_mb + MAX_GROWTH_MB:
            world.journal.breach(f"{who} has {held.megabytes:.0f} MB, and had {most_mb:.0f}")
        if held.files > most + MAX_MORE_FILES:
            world.journal.breach(f"{who} has {held.files} files open, and had {most}")


def check_exit(world: World, left: Exit) -> None:
    if left.status != 0 or left.seconds > LEAVES_WITHIN_S:
        world.journal.breach(f"SIGTERM: exit status {left.status} after {left.seconds:.1f} s")


def check_last_exit(world: World) -> None:
    world.supervisor.stop()
    world.supervisor.exits.append(world.server.stop(signal.SIGTERM))
    check_exit(world, world.supervisor.exits[-1])


def check_log(world: World) -> None:
    """Record a breach for tracebacks. Expected failures log one line, so a traceback is an unforeseen error."""
    log = world.log()
    if tracebacks := log.count("Traceback"):
        at = log.index("Traceback")
        errors = Counter(found_error[2] for found_error in ERROR_OF_TRACEBACK.finditer(log))
        summary = "; ".join(f"{times} of {error}" for error, times in errors.most_common())
        world.journal.breach(f"{tracebacks} tracebacks in the log, {summary}: …{log[max(0, at - 300) : at + 3000]}")
