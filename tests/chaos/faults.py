"""What can be done to a world. Each fault is begun, lasts a while, and is over."""

from __future__ import annotations

import fcntl
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
import redis as redis_client
from support.databases import SqliteDatabase
from support.processes import kill_all, suspended, wait_until

from chaos.world import World

FROZEN_S = (5.0, 5.0)
AWAY_S = (0.5, 2.5)
HELD_S = (1.0, 6.5)
SLOW_S = (2.0, 3.0)
SYNC_DELAY_US = 2000
AT_ONCE = (0.0, 0.0)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CLOCKS_MS = (0, HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS)
BLOCK = bytes(64 * 1024)
BUSIEST = 0.7
LEAVES_WITHIN_S = 10.5
"""SIGTERM: 10 s are promised."""

RESTARTS_S = 60.0

Strike = Callable[[World, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    kind: str
    harms: str
    """Two that harm the same are not done at once."""
    strike: Strike
    lasts_s: tuple[float, float] = AT_ONCE
    settles: bool = False
    """At its end it looks whether the server went as it should, and waits until it is back."""


def _one_worker(world: World, chance: random.Random) -> psutil.Process:
    """In most cases the one with more open files: one that was just born has nobody to lose."""
    workers = wait_until(world.supervisor.workers, "there is a worker", RESTARTS_S)
    return max(workers, key=_files) if chance.random() < BUSIEST else chance.choice(workers)


def _files(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return process.num_fds()
    return 0


@contextmanager
def kill_worker(world: World, chance: random.Random) -> Iterator[None]:
    kill_all([_one_worker(world, chance)])
    yield


@contextmanager
def kill_workers(world: World, chance: random.Random) -> Iterator[None]:
    kill_all(wait_until(world.supervisor.workers, "there are workers", RESTARTS_S))
    yield


@contextmanager
def kill_loader(world: World, chance: random.Random) -> Iterator[None]:
    """And in half of the cases a worker, which only another loader can replace."""
    victims = wait_until(world.supervisor.loaders, "there is a loader", RESTARTS_S)
    kill_all([*victims, *([_one_worker(world, chance)] if chance.random() < 0.5 else [])])
    yield


@contextmanager
def kill_parent(world: World, chance: random.Random) -> Iterator[None]:
    orphans = world.supervisor.workers()
    parent = world.supervisor.parent()
    if parent is not None:
        kill_all([parent])
    yield
    world.supervisor.wait_until_gone(orphans)
    _wait_until_restarted(world)


@contextmanager
def restart(world: World, chance: random.Random) -> Iterator[None]:
    """SIGTERM; the supervisor starts it again."""
    exits = len(world.supervisor.exits)
    world.server.tell(signal.SIGTERM)
    yield
    wait_until(lambda: len(world.supervisor.exits) > exits, "the server left", RESTARTS_S)
    left = world.supervisor.exits[exits]
    if left.status != 0 or left.seconds > LEAVES_WITHIN_S:
        world.book.breach(f"SIGTERM: exit status {left.status} after {left.seconds:.1f} s")
    _wait_until_restarted(world)


def _wait_until_restarted(world: World) -> None:
    def serves() -> bool:
        return len(world.supervisor.workers()) == world.workers

    wait_until(serves, "the server is up again", RESTARTS_S)


@contextmanager
def freeze_worker(world: World, chance: random.Random) -> Iterator[None]:
    with suspended([_one_worker(world, chance)]):
        yield


@contextmanager
def freeze_workers(world: World, chance: random.Random) -> Iterator[None]:
    with suspended(world.supervisor.workers()):
        yield


@contextmanager
def freeze_loader(world: World, chance: random.Random) -> Iterator[None]:
    """A worker that dies meanwhile is replaced afterwards."""
    with suspended(wait_until(world.supervisor.loaders, "there is a loader", RESTARTS_S)):
        kill_all([_one_worker(world, chance)])
        yield


@contextmanager
def freeze_parent(world: World, chance: random.Random) -> Iterator[None]:
    parent = world.supervisor.parent()
    with suspended([parent] if parent else []):
        yield


@contextmanager
def freeze_redis(world: World, chance: random.Random) -> Iterator[None]:
    assert world.redis is not None
    world.redis.freeze()
    try:
        yield
    finally:
        world.redis.thaw()


@contextmanager
def kill_redis(world: World, chance: random.Random) -> Iterator[None]:
    assert world.redis is not None
    world.redis.kill()
    try:
        yield
    finally:
        world.redis.start()


@contextmanager
def cut_redis(world: World, chance: random.Random) -> Iterator[None]:
    assert world.redis is not None
    with world.redis.client() as client:
        for kind in ("normal", "pubsub"):
            with suppress(redis_client.RedisError):
                client.client_kill_filter(_type=kind, skipme=True)
    yield


@contextmanager
def freeze_postgres(world: World, chance: random.Random) -> Iterator[None]:
    assert world.postgres is not None
    with world.postgres.frozen():
        yield


@contextmanager
def kill_postgres(world: World, chance: random.Random) -> Iterator[None]:
    assert world.postgres is not None
    world.postgres.kill()
    try:
        yield
    finally:
        _start_postgres(world)


@contextmanager
def cut_postgres(world: World, chance: random.Random) -> Iterator[None]:
    world.database.cut_connections()
    yield


@contextmanager
def cut_clients(world: World, chance: random.Random) -> Iterator[None]:
    world.cut_lines()
    yield


@contextmanager
def lock_database(world: World, chance: random.Random) -> Iterator[None]:
    """Another program writes, and takes its time."""
    try:
        with world.database.locked():
            yield
    except psycopg2.Error:  # it was killed meanwhile, or has ended our session
        pass


@contextmanager
def hold_file_lock(world: World, chance: random.Random) -> Iterator[None]:
    """Another program of ours hangs while it holds the lock beside the database."""
    assert isinstance(world.database, SqliteDatabase)
    with open(f"{world.database.path}.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def slow_disk(world: World, chance: random.Random) -> Iterator[None]:
    assert world.sync_delay is not None
    world.sync_delay.set(SYNC_DELAY_US)
    try:
        yield
    finally:
        world.sync_delay.set(0)


@contextmanager
def full_disk(world: World, chance: random.Random) -> Iterator[None]:
    """Filled to the last byte, and for as long as it lasts whatever becomes free again."""
    assert world.disk is not None
    filler = world.disk / "filler"
    _fill(filler)
    try:
        yield
        _fill(filler)  # what was given back meanwhile
    finally:
        filler.unlink()
        if world.postgres is not None:
            _revive(world)


def _fill(filler: Path) -> None:
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(BLOCK)


def _revive(world: World) -> None:
    """PostgreSQL ends when it cannot write its log; somebody starts it again."""
    assert world.postgres is not None
    time.sleep(0.2)
    if not world.postgres.running:
        world.book.note("PostgreSQL ended by a full disk")
        _start_postgres(world)


def _start_postgres(world: World) -> None:
    """Its recovery may take longer than pg_ctl has patience, which then is over by the second time."""
    assert world.postgres is not None
    with suppress(subprocess.TimeoutExpired):
        world.postgres.start()
        return
    world.postgres.start()


@contextmanager
def step_clock(world: World, chance: random.Random) -> Iterator[None]:
    """By an hour or a day, there or back."""
    now = world.clock.get()
    world.clock.set(chance.choice([at for at in CLOCKS_MS if at != now]))
    yield


@contextmanager
def pass_midnight(world: World, chance: random.Random) -> Iterator[None]:
    """One second before the next midnight in Dhaka, and then it comes."""
    now_ms = time.time_ns() // 1_000_000
    left_ms = DAY_MS - (now_ms + 6 * HOUR_MS) % DAY_MS
    world.clock.set(left_ms - 1000)
    yield


COMMON = (
    Fault("kill -9 of a worker", "server", kill_worker),
    Fault("kill -9 of the parent", "server", kill_parent, settles=True),
    Fault("SIGTERM, and a restart", "server", restart, settles=True),
    Fault("SIGSTOP of a worker", "server", freeze_worker, FROZEN_S),
    Fault("SIGSTOP of the parent", "server", freeze_parent, FROZEN_S),
    Fault("connections of clients cut", "clients", cut_clients),
    Fault("lock held", "database", lock_database, HELD_S),
    Fault("clock steps", "clock", step_clock),
    Fault("midnight", "clock", pass_midnight, (1.5, 1.5)),
)
WITH_DISK = Fault("disk full", "database", full_disk, (1.0, 3.0))
WITH_SYNC_DELAY = Fault("disk slow", "disk", slow_disk, SLOW_S)
OF_SQLITE = (Fault("file lock held", "database", hold_file_lock, HELD_S),)
OF_POSTGRES = (
    Fault("kill -9 of all workers", "server", kill_workers),
    Fault("SIGSTOP of all workers", "server", freeze_workers, FROZEN_S),
    Fault("kill -9 of the loader", "server", kill_loader),
    Fault("SIGSTOP of the loader", "server", freeze_loader, FROZEN_S),
    Fault("kill -9 of Redis", "redis", kill_redis, AWAY_S),
    Fault("SIGSTOP of Redis", "redis", freeze_redis, FROZEN_S),
    Fault("connections to Redis cut", "redis", cut_redis),
    Fault("kill -9 of PostgreSQL", "database", kill_postgres, AWAY_S),
    Fault("SIGSTOP of PostgreSQL", "database", freeze_postgres, FROZEN_S),
    Fault("connections to PostgreSQL cut", "database", cut_postgres),
)


def all_of(world: World) -> list[Fault]:
    """Those that this world and this machine have."""
    found = [*COMMON, *(OF_POSTGRES if world.postgres else OF_SQLITE)]
    if world.disk is not None:
        found.append(WITH_DISK)
    if world.sync_delay is not None:
        found.append(WITH_SYNC_DELAY)
    return found


def missing(world: World) -> list[str]:
    """What cannot be tried on this machine, and why."""
    found = []
    if world.disk is None:
        found.append("a full disk, because this user may not mount one")
    if world.sync_delay is None:
        found.append("a slow disk, because there is no C compiler")
    return found
