"""Faults, as context managers that start a fault and revert it at the end."""

from __future__ import annotations

import fcntl
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import psycopg2
import redis as redis_client
from support.databases.database import SqliteDatabase
from support.databases.redis_groups import RedisNode, RedisWithSentinels
from support.databases.replication import Replication
from support.programs.processes import is_gone, kill_all, suspended, wait_until
from support.servers.server import Exit

from chaos.promotions import ROLLBACKS, promote_behind, promote_in_step
from chaos.world import World

LOSES_S = ((0.0, 0.05), (0.05, 2.0))
FROZEN_S = (5.0, 5.0)
AWAY_S = (0.5, 2.5)
REPLACED_S = (0.5, 8.0)
"""Another Redis takes over after about 3 s."""
HELD_S = (1.0, 6.5)
SLOW_S = (2.0, 3.0)
SYNC_DELAY_US = 2000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CLOCKS_MS = (0, HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS)
BLOCK = bytes(64 * 1024)
BUSIEST = 0.7
LEAVES_WITHIN_S = 15.0
"""Operators allow 15 s after SIGTERM. The server exits within 10 s on a machine that does not stall."""

RESTARTS_S = 60.0
ORPHANS_LEAVE_S = 12.0
"""Workers of a killed parent finish their requests within 8 s."""

TWO_AT_ONCE = 0.35
"""Probability that a second fault strikes during a lasting one."""

Strike = Callable[[World, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    kind: str
    harms: str
    """Faults that harm the same thing do not run at the same time."""
    strike: Strike
    lasts_s: tuple[float, float] = (0.0, 0.0)
    settles: bool = False
    """Whether the fault ends by checking how the server exited and waiting until it is back."""


def _one_worker(world: World, chance: random.Random) -> psutil.Process:
    """A random worker, usually the one with more open files: a new one has no clients to lose."""
    workers = wait_until(world.supervisor.workers, "there is a worker", RESTARTS_S)
    return max(workers, key=_files) if chance.random() < BUSIEST else chance.choice(workers)


def _files(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.num_fds()
    return 0


def at_once(act: Callable[[World, random.Random], object]) -> Strike:
    """Make a fault that has no duration and needs no revert."""

    @contextmanager
    def strike(world: World, chance: random.Random) -> Iterator[None]:
        act(world, chance)
        yield

    return strike


@contextmanager
def between(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()


def kill_worker(world: World, chance: random.Random) -> None:
    kill_all([_one_worker(world, chance)])


def kill_workers(world: World, chance: random.Random) -> None:
    kill_all(wait_until(world.supervisor.workers, "there are workers", RESTARTS_S))


@contextmanager
def kill_parent(world: World, chance: random.Random) -> Iterator[None]:
    orphans = world.supervisor.workers()
    kill_all(world.supervisor.parents())
    yield
    world.journal.expect(lambda: all(map(is_gone, orphans)), "workers of a killed parent are gone", ORPHANS_LEAVE_S)
    _wait_until_restarted(world)


@contextmanager
def restart(world: World, chance: random.Random) -> Iterator[None]:
    """Send SIGTERM. The supervisor starts the server again."""
    exits = len(world.supervisor.exits)
    world.server.tell(signal.SIGTERM)
    yield
    wait_until(lambda: len(world.supervisor.exits) > exits, "the server left", RESTARTS_S)
    check_exit(world, world.supervisor.exits[exits])
    _wait_until_restarted(world)


def check_exit(world: World, left: Exit) -> None:
    """Check that SIGTERM ended the server in time, with status 0."""
    if left.status != 0 or left.seconds > LEAVES_WITHIN_S:
        world.journal.breach(f"SIGTERM: exit status {left.status} after {left.seconds:.1f} s")


def _wait_until_restarted(world: World) -> None:
    wait_until(lambda: len(world.supervisor.workers()) == world.workers, "the server is up again", RESTARTS_S)


@contextmanager
def freeze_parent(world: World, chance: random.Random) -> Iterator[None]:
    """Freeze the parent. A worker that dies during this is replaced afterwards."""
    with suspended(wait_until(world.supervisor.parents, "there is a parent", RESTARTS_S)):
        kill_worker(world, chance)
        yield


def cut_redis(world: World, chance: random.Random) -> None:
    for server in world.redis.nodes if isinstance(world.redis, RedisWithSentinels) else [world.redis]:
        with server.client() as client:
            for kind in ("normal", "pubsub"):
                with suppress(redis_client.RedisError):
                    client.client_kill_filter(_type=kind, skipme=True)


@contextmanager
def kill_master(world: World, chance: random.Random) -> Iterator[None]:
    """Kill the master Redis, for a moment or until another one takes over. Afterwards it is a replica."""
    master = _master(world)
    master.kill()
    yield
    master.start()
    world.redis.settle()


@contextmanager
def freeze_node(world: World, node: RedisNode) -> Iterator[None]:
    """Freeze a Redis server. If it is the master, another one takes over, and the frozen server still acts as a master
    when it resumes. A frozen replica goes unnoticed.
    """
    with between(node.freeze, node.thaw):
        yield
    world.redis.settle()


def _master(world: World) -> RedisNode:
    def find() -> RedisNode | None:
        with suppress(redis_client.RedisError, AssertionError):
            return world.redis.master()
        return None

    return wait_until(find, "Redis has a master", RESTARTS_S)


@contextmanager
def lock_database(world: World, chance: random.Random) -> Iterator[None]:
    """Lock the database, as a slow program that is writing would."""
    with suppress(psycopg2.Error), ExitStack() as stack:  # the server may be killed, or end our session
        with suppress(psycopg2.Error):  # a frozen worker may hold the lock
            stack.enter_context(world.database.locked())
        yield


@contextmanager
def hold_file_lock(world: World, chance: random.Random) -> Iterator[None]:
    """Hold the lock file next to the database, as a hung program of ours would."""
    with open(f"{world.database.path}.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def full_disk(world: World, chance: random.Random) -> Iterator[None]:
    """Fill the disk to the last byte, and again whenever space is freed."""
    filler = world.disk / "filler"
    _fill(filler)
    try:
        yield
        _fill(filler)  # space may have been freed in the meantime
    finally:
        filler.unlink()
        if world.postgres is not None:
            _revive(world)


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(BLOCK)


def _revive(world: World) -> None:
    """Start PostgreSQL again, as an operator would: it exits when it cannot write its log."""
    time.sleep(0.2)
    if not world.postgres.running:
        world.journal.note("PostgreSQL ended by a full disk")
        _start_postgres(world)


def _start_postgres(world: World) -> None:
    """Start PostgreSQL. The first attempt may time out in pg_ctl during recovery; by the second, recovery is done."""
    with suppress(subprocess.TimeoutExpired):
        world.postgres.start()
        return
    world.postgres.start()


@contextmanager
def go_back(world: World, chance: random.Random) -> Iterator[None]:
    """Roll the database back to a state from a moment earlier. Lasts until the server notices, unless nothing
    was lost.
    """
    rollbacks = len(world.database.rows(ROLLBACKS))
    with world.journal.losing():
        remembered = world.database.remember()
        ((held,),) = remembered.rows("SELECT total FROM counters WHERE scope = 'site'")
        time.sleep(chance.uniform(*chance.choice(LOSES_S)))
        if isinstance(remembered, SqliteDatabase) and chance.random() < 0.5:
            remembered.put_in_place(world.database.path)
        else:
            world.database.go_back(remembered)
        if world.journal.newest > held:
            world.journal.expect(
                lambda: len(world.database.rows(ROLLBACKS)) > rollbacks,
                "the server finds that its database was rolled back",
                10,
            )
    remembered.remove()
    yield


def step_clock(world: World, chance: random.Random) -> None:
    """Move the clock by an hour or a day, forward or back."""
    now = world.clock.get()
    world.clock.set(chance.choice([at for at in CLOCKS_MS if at != now]))


def approach_midnight(world: World, chance: random.Random) -> None:
    """Move the clock to one second before midnight in Dhaka, so that midnight comes during the fault."""
    now_ms = time.time_ns() // 1_000_000
    world.clock.set(DAY_MS - (now_ms + 6 * HOUR_MS) % DAY_MS - 1000)


COMMON = (
    Fault("kill -9 of a worker", "server", at_once(kill_worker)),
    Fault("kill -9 of the parent", "server", kill_parent, settles=True),
    Fault("SIGTERM, and a restart", "server", restart, settles=True),
    Fault("SIGSTOP of a worker", "server", lambda world, chance: suspended([_one_worker(world, chance)]), FROZEN_S),
    Fault("SIGSTOP of the parent", "server", lambda world, _: suspended(world.supervisor.parents()), FROZEN_S),
    Fault("connections of clients cut", "clients", at_once(lambda world, _: world.cut_lines())),
    Fault("lock held", "database", lock_database, HELD_S),
    Fault("database put back", "database", go_back, settles=True),
    Fault("clock steps", "clock", at_once(step_clock)),
    Fault("midnight", "clock", at_once(approach_midnight), (1.5, 1.5)),
)
WITH_DISK = Fault("disk full", "database", full_disk, (1.0, 3.0))
WITH_SYNC_DELAY = Fault(
    "disk slow",
    "disk",
    lambda world, _: between(partial(world.sync_delay.set, SYNC_DELAY_US), partial(world.sync_delay.set, 0)),
    SLOW_S,
)
OF_SQLITE = (Fault("file lock held", "database", hold_file_lock, HELD_S),)
OF_POSTGRES = (
    Fault("kill -9 of all workers", "server", at_once(kill_workers)),
    Fault("SIGSTOP of all workers", "server", lambda world, _: suspended(world.supervisor.workers()), FROZEN_S),
    Fault("SIGSTOP of the parent", "server", freeze_parent, FROZEN_S),
    Fault(
        "kill -9 of PostgreSQL",
        "database",
        lambda world, _: between(world.postgres.kill, partial(_start_postgres, world)),
        AWAY_S,
    ),
    Fault("SIGSTOP of PostgreSQL", "database", lambda world, _: world.postgres.frozen(), FROZEN_S),
    Fault("connections to PostgreSQL cut", "database", at_once(lambda world, _: world.database.cut_connections())),
)
OF_STANDBYS = (
    Fault("standby promoted in step", "database", promote_in_step, settles=True),
    Fault("standby promoted behind", "database", promote_behind, settles=True),
)
CUT_REDIS = Fault("connections to Redis cut", "redis", at_once(cut_redis))
OF_ONE_REDIS = (
    Fault("kill -9 of Redis", "redis", lambda world, _: between(world.redis.kill, world.redis.start), AWAY_S),
    Fault("SIGSTOP of Redis", "redis", lambda world, _: between(world.redis.freeze, world.redis.thaw), FROZEN_S),
    CUT_REDIS,
)
OF_SENTINELS = (
    Fault("master of Redis killed", "redis", kill_master, REPLACED_S),
    Fault("master of Redis frozen", "redis", lambda world, _: freeze_node(world, _master(world)), REPLACED_S),
    Fault(
        "SIGSTOP of a Redis or a Sentinel",
        "redis",
        lambda world, chance: freeze_node(world, chance.choice(world.redis.nodes)),
        FROZEN_S,
    ),
    CUT_REDIS,
)


def faults_of(has_postgres: bool, has_standby: bool, has_sentinels: bool) -> list[Fault]:
    """All faults for a kind of database, even those this machine cannot run."""
    on_database = [*COMMON, *(OF_POSTGRES if has_postgres else OF_SQLITE), *(OF_STANDBYS if has_standby else ())]
    of_redis = OF_SENTINELS if has_sentinels else OF_ONE_REDIS
    return [*on_database, *(of_redis if has_postgres else ()), WITH_DISK, WITH_SYNC_DELAY]


def all_of(world: World) -> tuple[list[Fault], list[str]]:
    """The faults that this world and machine can run, and the reasons for those they cannot."""
    missing = {}
    if world.disk is None:
        missing[WITH_DISK] = "a full disk, because this user may not mount one"
    if world.sync_delay is None:
        missing[WITH_SYNC_DELAY] = "a slow disk, because there is no C compiler"
    has_standby, has_sentinels = isinstance(world.postgres, Replication), isinstance(world.redis, RedisWithSentinels)
    offered = faults_of(world.postgres is not None, has_standby, has_sentinels)
    return [fault for fault in offered if fault not in missing], [*missing.values()]


def deal(kinds: Sequence[Fault], chance: random.Random) -> Iterator[tuple[Fault, ...]]:
    """Yield every kind once in random order, repeatedly: single faults, or pairs where the second strikes during the
    first.

    Yields nothing if there are no kinds.
    """
    while kinds:
        remaining = chance.sample(list(kinds), len(kinds))
        while remaining:
            fault = remaining.pop()
            companions = [other for other in remaining if other.harms != fault.harms and not other.settles]
            if fault.lasts_s[1] > 0 and companions and chance.random() < TWO_AT_ONCE:
                other = chance.choice(companions)
                remaining.remove(other)
                yield fault, other
            else:
                yield (fault,)
