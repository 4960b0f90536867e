"""All faults, in one table."""

from __future__ import annotations

import fcntl
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

import psutil
import psycopg2
import redis as redis_client
from support.databases.database import SqliteDatabase
from support.databases.redis_groups import RedisNode
from support.databases.replication import STREAM, PostgresNode
from support.programs.processes import is_gone, kill_all, suspended, wait_until

from chaos.checks import check_exit
from chaos.ledger import FROZEN_S
from chaos.world import Kind, World

LOSES_S = ((0.0, 0.05), (0.05, 2.0))
FROZEN = (FROZEN_S, FROZEN_S)
AWAY = (0.5, 2.5)
REPLACED = (0.5, 8.0)  # another Redis takes over after about 3 s
HELD = (1.0, 6.5)
SYNC_DELAY_US = 2000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CLOCKS_MS = (0, HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS)
BLOCK = bytes(64 * 1024)
BUSIEST = 0.7
RESTARTS_S = 60.0
ORPHANS_LEAVE_S = 12.0  # Workers of a killed parent finish their requests within 8 s
TWO_AT_ONCE = 0.35  # probability that a second fault strikes during a lasting one
SYNCHRONOUS, NAMES = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'", "synchronous_standby_names"
ROLLBACKS = "SELECT 1 FROM adjustments WHERE scope = 'site' AND kind = 'rolled_back'"
VISITS = "SELECT count(*) FROM visits"
LOST_AT_LEAST = 3  # minimum number of visits that the promoted standby lacks
FOUND_WITHIN_S = 20.0
COMES_BACK = 0.5  # probability that the old primary first returns as a primary, before it becomes a standby
BACK_S = (1.0, 3.0)


class Fault(NamedTuple):
    """What a fault harms. Clients may then only be refused by 503, 1013 or a lost connection."""

    kind: str
    harms: str  # faults that harm the same thing do not run at the same time
    do: Callable[[World, random.Random], Any]  # Starts the fault. It may return a context, whose end reverts it.
    undo: Callable[[World], object] | None = None
    lasts_s: tuple[float, float] = (0.0, 0.0)
    settles: bool = False  # whether the fault ends by checking what it caused, and waits until the server is back

    @contextmanager
    def strike(self, world: World, chance: random.Random) -> Iterator[None]:
        world.journal.clock_steps += self.harms == "clock"
        with ExitStack() as stack:
            begun = self.do(world, chance)
            if self.undo is not None:
                stack.callback(self.undo, world)
            if isinstance(begun, AbstractContextManager):
                stack.enter_context(begun)
            yield


def _workers(world: World) -> list[psutil.Process]:
    return wait_until(world.supervisor.workers, "there are workers", RESTARTS_S)


def _one_worker(world: World, chance: random.Random) -> list[psutil.Process]:
    """A random worker, usually the one with more open files: a new one has no clients to lose."""
    workers = _workers(world)
    return [max(workers, key=_files) if chance.random() < BUSIEST else chance.choice(workers)]


def _files(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.num_fds()
    return 0


@contextmanager
def freeze_parent(world: World, chance: random.Random) -> Iterator[None]:
    """Freeze the parent. A worker that dies during this is replaced afterwards."""
    with suspended(wait_until(world.supervisor.parents, "there is a parent", RESTARTS_S)):
        kill_all(_one_worker(world, chance))
        yield


@contextmanager
def kill_parent(world: World, chance: random.Random) -> Iterator[None]:
    orphans = world.supervisor.workers()
    kill_all(world.supervisor.parents())
    yield
    world.journal.expect(lambda: all(map(is_gone, orphans)), "workers of a killed parent are gone", ORPHANS_LEAVE_S)
    _wait_until_restarted(world)


@contextmanager
def restart(world: World, chance: random.Random) -> Iterator[None]:
    exits = len(world.supervisor.exits)
    world.server.tell(signal.SIGTERM)
    yield
    wait_until(lambda: len(world.supervisor.exits) > exits, "the server left", RESTARTS_S)
    check_exit(world, world.supervisor.exits[exits])
    _wait_until_restarted(world)


def _wait_until_restarted(world: World) -> None:
    wait_until(lambda: len(world.supervisor.workers()) == world.workers, "the server is up again", RESTARTS_S)


def cut_redis(world: World, chance: random.Random) -> None:
    for server in world.redis.nodes if world.kind.has_sentinels else [world.redis]:
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
    node.freeze()
    try:
        yield
    finally:
        node.thaw()
    world.redis.settle()


def _master(world: World) -> RedisNode:
    def find() -> RedisNode | None:
        with suppress(redis_client.RedisError, AssertionError):
            return world.redis.master()
        return None

    return wait_until(find, "Redis has a master", RESTARTS_S)


@contextmanager
def lock_database(world: World, chance: random.Random) -> Iterator[None]:
    with suppress(psycopg2.Error), ExitStack() as stack:  # the server may be killed, or end our session
        with suppress(psycopg2.Error):  # a frozen worker may hold the lock
            stack.enter_context(world.database.locked())
        yield


@contextmanager
def hold_file_lock(world: World, chance: random.Random) -> Iterator[None]:
    with open(f"{world.database.path}.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def full_disk(world: World, chance: random.Random) -> Iterator[None]:
    """Fill the disk to the last byte, and again whenever space is freed."""
    assert world.disk is not None
    filler = world.disk / "filler"

    def fill() -> None:
        with filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(BLOCK)

    fill()
    try:
        yield
        fill()  # space may have been freed in the meantime
    finally:
        filler.unlink()
        time.sleep(0.2)
        if world.primary is not None and not world.primary.running:  # it exits when it cannot write its log
            world.journal.note("PostgreSQL ended by a full disk")
            start_postgres(world)


def start_postgres(world: World) -> None:
    """Start PostgreSQL. The first attempt may time out in pg_ctl during recovery; by the second, recovery is done."""
    with suppress(subprocess.TimeoutExpired):
        world.primary.start()
        return
    world.primary.start()


@contextmanager
def roll_back(world: World, chance: random.Random) -> Iterator[None]:
    """Roll the database back to a moment earlier. Lasts until the server notices, unless nothing was lost."""
    rollbacks = len(world.rows(ROLLBACKS))
    with world.journal.losing():
        remembered = world.database.remember()
        ((held,),) = remembered.rows("SELECT total FROM counters WHERE scope = 'site'")
        time.sleep(chance.uniform(*chance.choice(LOSES_S)))
        if isinstance(remembered, SqliteDatabase) and chance.random() < 0.5:
            remembered.put_in_place(world.database.path)
        else:
            world.database.go_back(remembered)
        if world.journal.newest > held:
            _expect_rollback(world, rollbacks, 10)
    remembered.remove()
    yield


def _expect_rollback(world: World, before: int, within_s: float) -> None:
    noticed = "the server finds that its database was rolled back"
    world.journal.expect(lambda: len(world.rows(ROLLBACKS)) > before, noticed, within_s)


@contextmanager
def promote_in_step(world: World, chance: random.Random) -> Iterator[None]:
    primary = world.primary
    primary.set_(NAMES, "standby")
    world.journal.expect(lambda: primary.rows(SYNCHRONOUS), "the standby is synchronous", FOUND_WITHIN_S)
    with _promoted(world, chance):
        yield
    _bring_back(world, chance)


@contextmanager
def promote_behind(world: World, chance: random.Random) -> Iterator[None]:
    """Promote a standby that lacks the last acknowledged visits."""
    journal, rollbacks = world.journal, len(world.rows(ROLLBACKS))
    wait_until(lambda: world.postgres.standby.rows(STREAM), "the standby streams")
    with journal.losing():
        world.postgres.standby.follow(None)
        newest = journal.newest + LOST_AT_LEAST
        journal.expect(lambda: journal.newest >= newest, "visits are counted", FOUND_WITHIN_S)
        with _promoted(world, chance):
            yield
            _expect_rollback(world, rollbacks, FOUND_WITHIN_S)
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


def step_clock(world: World, chance: random.Random) -> None:
    now = world.clock.get()
    world.clock.set(chance.choice([at for at in CLOCKS_MS if at != now]))


def approach_midnight(world: World, chance: random.Random) -> None:
    """Move the clock to one second before midnight in Dhaka, so that midnight comes during the fault."""
    now_ms = time.time_ns() // 1_000_000
    world.clock.set(DAY_MS - (now_ms + 6 * HOUR_MS) % DAY_MS - 1000)


SERVER, DATABASE, REDIS, CLOCK = "server", "database", "redis", "clock"
COMMON = (
    Fault("kill -9 of a worker", SERVER, lambda world, chance: kill_all(_one_worker(world, chance))),
    Fault("kill -9 of the parent", SERVER, kill_parent, settles=True),
    Fault("SIGTERM, and a restart", SERVER, restart, settles=True),
    Fault("SIGSTOP of a worker", SERVER, lambda world, chance: suspended(_one_worker(world, chance)), lasts_s=FROZEN),
    Fault("SIGSTOP of the parent", SERVER, lambda world, _: suspended(world.supervisor.parents()), lasts_s=FROZEN),
    Fault("connections of clients cut", "clients", lambda world, _: world.cut_lines()),
    Fault("lock held", DATABASE, lock_database, lasts_s=HELD),
    Fault("database put back", DATABASE, roll_back, settles=True),
    Fault("clock steps", CLOCK, step_clock),
    Fault("midnight", CLOCK, approach_midnight, lasts_s=(1.5, 1.5)),
)
DISK_FULL = Fault("disk full", DATABASE, full_disk, lasts_s=(1.0, 3.0))
DISK_SLOW = Fault(
    "disk slow",
    "disk",
    lambda world, _: world.sync_delay.set(SYNC_DELAY_US),
    lambda world: world.sync_delay.set(0),
    (2.0, 3.0),
)
OF_SQLITE = (Fault("file lock held", DATABASE, hold_file_lock, lasts_s=HELD),)
OF_POSTGRES = (
    Fault("kill -9 of all workers", SERVER, lambda world, _: kill_all(_workers(world))),
    Fault("SIGSTOP of all workers", SERVER, lambda world, _: suspended(world.supervisor.workers()), lasts_s=FROZEN),
    Fault("SIGSTOP of the parent, kill -9 of a worker", SERVER, freeze_parent, lasts_s=FROZEN),
    Fault("kill -9 of PostgreSQL", DATABASE, lambda world, _: world.primary.kill(), start_postgres, AWAY),
    Fault("SIGSTOP of PostgreSQL", DATABASE, lambda world, _: world.primary.frozen(), lasts_s=FROZEN),
    Fault("connections to PostgreSQL cut", DATABASE, lambda world, _: world.database.cut_connections()),
)
OF_STANDBYS = (
    Fault("standby promoted in step", DATABASE, promote_in_step, settles=True),
    Fault("standby promoted behind", DATABASE, promote_behind, settles=True),
)
CUT_REDIS = Fault("connections to Redis cut", REDIS, cut_redis)
OF_ONE_REDIS = (
    Fault("kill -9 of Redis", REDIS, lambda world, _: world.redis.kill(), lambda world: world.redis.start(), AWAY),
    Fault("SIGSTOP of Redis", REDIS, lambda world, _: world.redis.freeze(), lambda world: world.redis.thaw(), FROZEN),
    CUT_REDIS,
)
OF_SENTINELS = (
    Fault("master of Redis killed", REDIS, kill_master, lasts_s=REPLACED),
    Fault("master of Redis frozen", REDIS, lambda world, _: freeze_node(world, _master(world)), lasts_s=REPLACED),
    Fault(
        "SIGSTOP of a Redis or a Sentinel",
        REDIS,
        lambda world, chance: freeze_node(world, chance.choice(world.redis.nodes)),
        lasts_s=FROZEN,
    ),
    CUT_REDIS,
)


def faults_of(kind: Kind) -> list[Fault]:
    """All faults for a kind of world, even those this machine cannot run."""
    faults = [*COMMON, DISK_FULL, DISK_SLOW]
    if not kind.is_postgres:
        return [*faults, *OF_SQLITE]
    faults += [*OF_POSTGRES, *(OF_SENTINELS if kind.has_sentinels else OF_ONE_REDIS)]
    return [*faults, *OF_STANDBYS] if kind.has_standby else faults


def missing_faults(world: World) -> dict[Fault, str]:
    """The faults that this machine cannot run, and the reasons."""
    missing = {}
    if world.disk is None:
        missing[DISK_FULL] = "a full disk, because this user may not mount one"
    if world.sync_delay is None:
        missing[DISK_SLOW] = "a slow disk, because there is no C compiler"
    return missing


def deal(faults: Sequence[Fault], chance: random.Random) -> Iterator[tuple[Fault, ...]]:
    """Yield every fault once in random order, repeatedly, sometimes with a second one that strikes during it."""
    while faults:
        remaining = chance.sample(list(faults), len(faults))
        while remaining:
            fault = remaining.pop()
            companions = [other for other in remaining if other.harms != fault.harms and not other.settles]
            if fault.lasts_s[1] > 0 and companions and chance.random() < TWO_AT_ONCE:
                other = chance.choice(companions)
                remaining.remove(other)
                yield fault, other
            else:
                yield (fault,)
