"""Changes of online members for subscribers: each is delivered once, whichever worker saw it."""

import random
from collections import Counter

import pytest
from support.application.member_workers import GRACE_S, HIKERS, LEASE_S, MemoryWorld, redis_world

from koyjabo.presence.members import memory_store
from koyjabo.presence.members.online_members import VACANT_MS, ChangeListener

LEFT_S = 2.1
"""Seconds until members are reported as having left because their worker died."""


@pytest.fixture(params=["memory", "redis_server"])
def world(request):
    if request.param == "memory":
        world = MemoryWorld()
        want(world.listener)
        yield world
    else:
        with redis_world(request.getfixturevalue("redis_server")) as world:
            new(world)
            yield world


@pytest.fixture
def shared(redis_server):
    with redis_world(redis_server) as world:
        yield world


def want(listener: ChangeListener) -> None:
    listener.wants = lambda scope: scope == HIKERS


def new(world):
    """Another worker with a subscriber."""
    worker = world.new_worker()
    want(worker.listener)
    worker.members.online(HIKERS)
    worker.flush()
    return worker


def delivered(world) -> list[tuple[str, str, int]]:
    """Deliver the waiting changes, and return them."""
    world.settle()
    changes = world.members.changes(HIKERS, 100)
    assert [change.version for change in changes] == sorted(change.version for change in changes)
    if changes:
        world.members.acknowledge(HIKERS, changes)
    return [(str(change.kind), change.person, change.count) for change in changes]


def vacate(world, milliseconds: int) -> None:
    """Let a scope be empty for this long. Redis uses its own clock."""
    if isinstance(world, MemoryWorld):
        return world.pass_(milliseconds=milliseconds)
    world.settle()
    with world.redis.client() as client:
        client.hincrby("koyjabo:online:{hikers}:state", "emptied", -milliseconds)
    return world.settle()


def test_community_is_vacated_when_nobody_was_there_for_three_seconds(world):
    def come_and_go() -> None:
        world.members.connect(HIKERS, "ayesha", "1")
        world.settle()
        world.members.disconnect(HIKERS, "ayesha", "1")
        world.settle()

    come_and_go()
    assert sorted(delivered(world)) == [("joined", "ayesha", 1), ("left", "ayesha", 0), ("occupied", "", 1)]
    vacate(world, VACANT_MS - 1000)
    come_and_go()
    assert delivered(world) == [("joined", "ayesha", 1), ("left", "ayesha", 0)]
    vacate(world, VACANT_MS - 1000)
    assert delivered(world) == []
    vacate(world, 1000)
    assert delivered(world) == [("vacated", "", 0)]
    vacate(world, VACANT_MS)
    come_and_go()
    assert sorted(delivered(world)) == [("joined", "ayesha", 1), ("left", "ayesha", 0), ("occupied", "", 1)]


def test_changes_wait_until_they_are_sent_and_the_oldest_are_dropped(world, monkeypatch):
    monkeypatch.setattr(memory_store, "MAX_CHANGES", 3)
    world.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    assert world.members.changes(HIKERS, 1) == world.members.changes(HIKERS, 100)[:1]
    first = world.members.changes(HIKERS, 100)
    world.members.connect(HIKERS, "babul", "1")
    world.settle()
    world.members.acknowledge(HIKERS, first)
    assert delivered(world) == [("joined", "babul", 2)]
    for _ in range(2):
        world.members.disconnect(HIKERS, "babul", "1")
        world.members.connect(HIKERS, "babul", "1")
        world.settle()
    assert len(world.members.changes(HIKERS, 100)) in ([3] if isinstance(world, MemoryWorld) else range(5))


def test_listener_is_called_while_changes_wait(world):
    heard: list[str] = []
    for worker in world.workers:
        worker.listener.wait = heard.append
    world.members.connect(HIKERS, "ayesha", "1")
    world.settle()
    heard.clear()
    world.settle()
    assert set(heard) == {HIKERS}
    delivered(world)
    heard.clear()
    world.settle()
    assert heard == []


def test_people_of_a_killed_worker_leave_once_unless_they_are_elsewhere(shared):
    killed, _, _ = new(shared), new(shared), new(shared)
    other = shared.workers[1]
    for person in ("ayesha", "babul"):
        killed.members.connect(HIKERS, person, "1")
    other.members.connect(HIKERS, "ayesha", "1")
    shared.settle()
    delivered(shared)
    shared.kill(killed)
    for worker in shared.workers:  # as they do after a worker has ended
        worker.members.online(HIKERS)
    shared.pass_(seconds=LEASE_S)
    due(shared, 0)
    assert delivered(shared) == [], "its worker may send its leases again"
    due(shared, LEFT_S)
    assert delivered(shared) == [("left", "babul", 1)]


def test_worker_whose_leases_expired_changes_nothing(shared):
    frozen, other = new(shared), new(shared)
    frozen.members.connect(HIKERS, "ayesha", "1")
    shared.settle()
    delivered(shared)
    shared.let_leases_end(2 * LEASE_S * 1000)
    other.look()
    assert other.members.online(HIKERS).count == 0
    frozen.look()
    due(shared, LEFT_S)
    assert delivered(shared) == []
    shared.let_leases_end(2 * LEASE_S * 1000)  # this time it sleeps longer
    shared.workers.remove(frozen)
    other.look()
    due(shared, LEFT_S)
    assert delivered(shared) == [("left", "ayesha", 0)]
    shared.workers.append(frozen)
    assert delivered(shared) == [("joined", "ayesha", 1)]


def test_no_person_joins_twice_after_redis_lost_its_data(shared):
    here, there = new(shared), new(shared)
    here.members.connect(HIKERS, "ayesha", "1")
    there.members.connect(HIKERS, "babul", "1")
    shared.settle()
    delivered(shared)
    with shared.redis.client() as client:
        client.flushall()
    here.members.connect(HIKERS, "chandra", "1")
    assert [change[:2] for change in delivered(shared)] == [("joined", "chandra")]
    there.members.disconnect(HIKERS, "babul", "1")
    assert delivered(shared) == [("left", "babul", 2)]


def due(world, seconds: float) -> None:
    """Bring the reports about expired members forward by `seconds`."""
    with world.redis.client() as client:
        for person in client.zrange("koyjabo:online:{hikers}:departing", 0, -1):
            client.zincrby("koyjabo:online:{hikers}:departing", -1000 * seconds, person)
    world.settle()


@pytest.mark.parametrize("seed", range(2))
def test_people_online_are_those_who_came_and_have_not_left(world, seed):
    """Random actions, on two workers if there are two."""
    chance, here = random.Random(seed), Counter()
    workers = [world.workers[0], world.workers[0] if isinstance(world, MemoryWorld) else new(world)]
    for _ in range(40):
        members = chance.choice(workers).members
        step = chance.choice([members.connect, members.connect, members.disconnect, members.connection_lost])
        step(HIKERS, chance.choice(["ayesha", "babul", "chandra"]), chance.choice("12"))
        if chance.random() < 0.2:
            world.pass_(seconds=GRACE_S)
        for kind, person, _ in delivered(world):
            here[person] += {"joined": 1, "left": -1}.get(kind, 0)
        assert {person for person, times in here.items() if times} == {
            person.person for person in members.people(HIKERS)
        }
        assert {*here.values()} <= {0, 1}
