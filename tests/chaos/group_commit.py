"""Checks that visits waiting for a slow disk are committed together, and measures the cost in visits a second."""

from __future__ import annotations

import re
import secrets
import select
from contextlib import ExitStack
from statistics import quantiles

from support.clients.connection import Connection
from support.clients.continuous_registrations import RegistrationLoad
from support.faults.shared_numbers import HELD, SharedNumber
from support.programs.processes import wait_until

from chaos.world import World

CLIENTS = 64
ATTEMPTS = 5
COMMITS_PER_WORKER = 2
"""The commit that the disk delays, and one for everything that arrived in the meantime."""

NOTE_COMMITS = (
    "CREATE TABLE noted (visit_id, revision)",
    """
    CREATE TRIGGER note AFTER INSERT ON visits BEGIN
        INSERT INTO noted SELECT NEW.visit_id, revision FROM counters WHERE scope = 'site';
    END
    """,
)
"""Stores the revision of each visit. SQLite's rows do not show which transaction wrote them, and each commit has a
different revision.
"""

COMMITS = {
    "sqlite": "SELECT count(DISTINCT revision) FROM noted WHERE visit_id = '{run}'",
    "postgres": "SELECT count(DISTINCT xmin::text) FROM visits WHERE visit_id = '{run}'",
}
TURNS, TURN_S = 6, 0.4
MEASURED_DELAY_US = 10_000
WAITING = re.compile(r"^koyjabo_visits_waiting (\d+)", re.MULTILINE)


def check_group_commit(world: World) -> int | None:
    """Hold the disk until visits from all clients are waiting, and count the commits that store them.

    Returns None if the disk cannot be held, or if a visit was refused on a busy machine before all had arrived. The
    journal does not contain these visits.
    """
    if world.sync_delay is None:
        return None
    if world.database.kind == "sqlite":
        for statement in NOTE_COMMITS:
            world.database.rows(statement)
    for _ in range(ATTEMPTS):
        if (commits := _commits_of_all(world, world.sync_delay)) is not None:
            if commits > COMMITS_PER_WORKER * world.workers:
                world.journal.breach(f"{CLIENTS} visits that waited together took {commits} commits")
            return commits
    return None


def _commits_of_all(world: World, sync_delay: SharedNumber) -> int | None:
    run = secrets.token_hex(4)
    with ExitStack() as stack:
        stack.callback(sync_delay.set, 0)
        clients = [stack.enter_context(Connection(world.server.port)) for _ in range(CLIENTS)]
        sync_delay.set(HELD)
        for number, client in enumerate(clients):
            client.send_visit(f"waiting-{number}", run)
        wait_until(lambda: _all_wait(world) or _any_is_answered(clients), "the visits of all clients wait")
        sync_delay.set(0)
        answers = [client.answer() for client in clients]
    if any(answer.status != 200 for answer in answers):
        return None
    ((commits,),) = world.database.rows(COMMITS[world.database.kind].format(run=run))
    return int(commits)


def _all_wait(world: World) -> bool:
    match = WAITING.search(world.server.metrics())
    return match is not None and int(match[1]) >= CLIENTS


def _any_is_answered(clients: list[Connection]) -> bool:
    return bool(select.select(clients, [], [], 0)[0])


def measure_sync_delay(world: World) -> tuple[float, float] | None:
    """Measure registrations per second without and with a delay. Uses the best of several rounds, because other
    programs slow some of them.

    Returns None if the disk cannot be slowed. The journal does not contain these visits.
    """
    if world.sync_delay is None:
        return None
    turns: dict[int, list[float]] = {0: [], MEASURED_DELAY_US: []}
    with RegistrationLoad(world.server.port, CLIENTS) as askers:
        askers.run_for(TURN_S)  # warm up
        for delay_us in [*turns] * TURNS:
            world.sync_delay.set(delay_us)
            turns[delay_us].append(askers.run_for(TURN_S))
        world.sync_delay.set(0)
    without, delayed = (quantiles(rates, n=4)[2] for rates in turns.values())
    return without, delayed
