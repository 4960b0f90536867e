"""PostgreSQL failovers: a standby is promoted, and the old primary returns."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from support.databases.replication import PostgresNode

from chaos.world import World

SYNCHRONOUS, NAMES = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'", "synchronous_standby_names"
ROLLBACKS = "SELECT 1 FROM adjustments WHERE scope = 'site' AND kind = 'rolled_back'"
VISITS = "SELECT count(*) FROM visits"
LOST_AT_LEAST = 3
"""Minimum number of visits that the promoted standby lacks."""

FOUND_WITHIN_S = 20.0
COMES_BACK = 0.5
"""Probability that the old primary first returns as a primary, before it becomes a standby."""

BACK_S = (1.0, 3.0)


@contextmanager
def promote_in_step(world: World, chance: random.Random) -> Iterator[None]:
    """Promote a synchronous standby, so that nothing acknowledged is lost."""
    pair = world.postgres
    pair.primary.set_(NAMES, "standby")
    world.journal.expect(lambda: pair.primary.rows(SYNCHRONOUS), "the standby is synchronous", FOUND_WITHIN_S)
    with _promoted(world, chance):
        yield
    _bring_back(world, chance)


@contextmanager
def promote_behind(world: World, chance: random.Random) -> Iterator[None]:
    """Promote a standby that lacks the last acknowledged visits."""
    pair, rollbacks = world.postgres, len(world.database.rows(ROLLBACKS))
    pair.wait_until_streaming()
    with world.journal.losing():
        pair.standby.follow(None)
        newest = world.journal.newest
        world.journal.expect(
            lambda: world.journal.newest >= newest + LOST_AT_LEAST, "visits are counted", FOUND_WITHIN_S
        )
        with _promoted(world, chance):
            yield
            world.journal.expect(
                lambda: len(world.database.rows(ROLLBACKS)) > rollbacks,
                "the server finds what was lost",
                FOUND_WITHIN_S,
            )
    _bring_back(world, chance)


@contextmanager
def _promoted(world: World, chance: random.Random) -> Iterator[None]:
    """Kill, stop or freeze the primary, and promote the standby."""
    pair = world.postgres
    with ExitStack() as stack:
        harms = [pair.primary.kill, pair.primary.stop, lambda: stack.enter_context(pair.primary.frozen())]
        chance.choice(harms)()
        pair.promote()
        world.database.move_to(pair.primary)
        yield


def _bring_back(world: World, chance: random.Random) -> None:
    old, pair = world.postgres.standby, world.postgres
    old.kill()
    if chance.random() < COMES_BACK:
        _come_back_as_primary(world, old, chance.uniform(*BACK_S))
    old.become_standby_of(pair.primary)


def _come_back_as_primary(world: World, old: PostgresNode, for_s: float) -> None:
    """Start the old primary as writable, and check that no server writes to it."""
    old.start()
    old.set_(NAMES, "")
    database = old.database(world.database.name)
    before: Any = database.rows(VISITS)
    world.database.cut_connections()
    time.sleep(for_s)
    if (after := database.rows(VISITS)) != before:
        world.journal.breach(f"an old primary counted visits: {before} and then {after}")
    world.journal.note("old primaries that came back")
